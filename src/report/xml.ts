import { visible } from "../shown.ts";

/**
 * Text made safe for XML content and attribute values: one line in which control characters and marks of the reading
 * direction are shown by their codes; other characters XML 1.0 forbids become U+FFFD.
 */
export function escapeXml(text: string): string {
  return visible(text)
    .replace(/[\uFFFE\uFFFF]/gu, "\uFFFD")
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;")
    .replace(/"/g, "&quot;")
    .replace(/'/g, "&#39;");
}

/** A coordinate with at most two decimals and no negative zero. */
export const coordinate = (value: number): string => String(Number(value.toFixed(2)) + 0);

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Bytes as a data URI of the given media type. */
export function dataUri(bytes: Uint8Array, mediaType: string): string {
  const parts: string[] = [];
  for (let i = 0; i < bytes.length; i += 3) {
    const group = (bytes[i] << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    parts.push(
      BASE64[group >> 18] +
        BASE64[(group >> 12) & 63] +
        (i + 1 < bytes.length ? BASE64[(group >> 6) & 63] : "=") +
        (i + 2 < bytes.length ? BASE64[group & 63] : "="),
    );
  }
  return `data:${mediaType};base64,${parts.join("")}`;
}
