/**
 * Where a report keeps a picture: numbered, under a name that is safe in any file system. `kind` begins the names of reports
 * other than that of a quantization, so that they can share a folder.
 */
export const picturePath = (index: number, name: string, kind = ""): string =>
  `pictures/${kind}${String(index + 1).padStart(2, "0")}-${slug(name)}.svg`;

/** A file name's safe core: letters, digits, dots and dashes, without its extension. */
const slug = (name: string): string =>
  name
    .replace(/\.[a-z]+$/i, "")
    .replace(/[^A-Za-z0-9.-]+/g, "-")
    .slice(-40) || "picture";
