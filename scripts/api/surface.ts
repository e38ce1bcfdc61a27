import { readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { type JSDocableNode, Node, Project, type Signature, type Type, TypeFormatFlags } from "ts-morph";

export const ROOT = resolve(import.meta.dirname, "../..");

export const KINDS = ["function", "class", "interface", "type", "constant"] as const;
export type Kind = (typeof KINDS)[number];

/** A parameter of a function or method. */
export interface Parameter {
  readonly name: string;
  readonly type: string;
  readonly optional: boolean;
}

/** A public property or method of an interface, a class or an object type. */
export interface Member {
  readonly name: string;
  /** As it would be declared, without its comment. */
  readonly signature: string;
  readonly doc: string;
  readonly type: string;
  readonly parameters: readonly Parameter[];
  readonly node: Node;
}

/** One exported name of one subpath. */
export interface Entry {
  readonly name: string;
  readonly kind: Kind;
  readonly signature: string;
  readonly doc: string;
  readonly parameters: readonly Parameter[];
  /** What a call returns, or the type of a constant; empty for types. */
  readonly type: string;
  readonly members: readonly Member[];
  /** Path below the root of the repository, with forward slashes. */
  readonly path: string;
  readonly line: number;
  readonly node: Node;
}

/** What one subpath of the package exports. */
export interface Page {
  /** "." or "./tensor". */
  readonly subpath: string;
  readonly doc: string;
  readonly entries: readonly Entry[];
}

const FLAGS = TypeFormatFlags.NoTruncation | TypeFormatFlags.UseAliasDefinedOutsideCurrentScope | TypeFormatFlags.UseFullyQualifiedType;

/** Types are spelled by name alone, whatever file they come from. */
const textOf = (type: Type, at: Node): string => type.getText(at, FLAGS).replace(/import\("[^"]*"\)\.(default\.)?/g, "");

/** The comment of a declaration without its stars; empty where there is none. */
export function docOf(node: Node): string {
  const owner = Node.isVariableDeclaration(node) ? node.getVariableStatement() : node;
  const docs = owner && "getJsDocs" in owner ? (owner as JSDocableNode & Node).getJsDocs() : [];
  return docs.at(-1)?.getInnerText().trim() ?? "";
}

function parametersOf(signature: Signature, at: Node): Parameter[] {
  return signature.getParameters().map((symbol) => {
    const declaration = symbol.getValueDeclaration();
    const parameter = declaration && Node.isParameterDeclaration(declaration) ? declaration : undefined;
    const written = parameter?.getTypeNode()?.getText();
    const rest = parameter?.isRestParameter() === true;
    const name = symbol.getName().startsWith("__") ? "options" : symbol.getName();
    return {
      name: rest ? `...${name}` : name,
      type: written ?? textOf(symbol.getTypeAtLocation(at), at),
      optional: parameter?.isOptional() === true && !rest,
    };
  });
}

const typeParametersOf = (node: Node): string => {
  const list = Node.isTypeParametered(node) ? node.getTypeParameters().map((p) => p.getText()) : [];
  return list.length > 0 ? `<${list.join(", ")}>` : "";
};

const listOf = (parameters: readonly Parameter[]): string =>
  parameters.map(({ name, type, optional }) => `${name}${optional ? "?" : ""}: ${type}`).join(", ");

/** Parameters, result and text of a call, as written where it is written. */
function callOf(signature: Signature, at: Node): { parameters: Parameter[]; type: string; text: string } {
  const declaration = signature.getDeclaration();
  const written = Node.isReturnTyped(declaration) ? declaration.getReturnTypeNode()?.getText() : undefined;
  const type = written ?? textOf(signature.getReturnType(), at);
  const parameters = parametersOf(signature, at);
  return { parameters, type, text: `${typeParametersOf(declaration)}(${listOf(parameters)}): ${type}` };
}

function isPublic(node: Node): boolean {
  if (Node.isConstructorDeclaration(node)) return node.getParameters().length > 0;
  if (Node.hasName(node) && node.getName().startsWith("#")) return false;
  return !(Node.isScoped(node) && node.getScope() !== "public") && !(Node.isModifierable(node) && node.hasModifier("override"));
}

function memberOf(node: Node): Member {
  const name = Node.isConstructorDeclaration(node) ? "constructor" : Node.hasName(node) ? node.getName() : "call";
  const base = { name, doc: docOf(node), node };
  const isStatic = Node.isStaticable(node) && node.isStatic() ? "static " : "";
  if (Node.isMethodDeclaration(node) || Node.isMethodSignature(node) || Node.isConstructorDeclaration(node)) {
    const { parameters, type, text } = callOf(node.getSignature(), node);
    const shown = Node.isConstructorDeclaration(node) ? `(${listOf(parameters)})` : text;
    return { ...base, signature: `${isStatic}${name}${shown}`, type, parameters };
  }
  const written = Node.isTyped(node) ? node.getTypeNode()?.getText() : undefined;
  const returned = Node.isGetAccessorDeclaration(node) ? node.getReturnTypeNode()?.getText() : undefined;
  const type = written ?? returned ?? textOf(node.getType(), node);
  const optional = Node.isQuestionTokenable(node) && node.hasQuestionToken() ? "?" : "";
  const readonly = (Node.isReadonlyable(node) && node.isReadonly()) || Node.isGetAccessorDeclaration(node) ? "readonly " : "";
  const shown =
    Node.isCallSignatureDeclaration(node) || Node.isIndexSignatureDeclaration(node) ? node.getText() : `${name}${optional}: ${type}`;
  const call = node.getType().getCallSignatures()[0];
  return {
    ...base,
    signature: `${isStatic}${shown.startsWith("readonly ") ? "" : readonly}${shown}`,
    type,
    parameters: call ? parametersOf(call, node) : [],
  };
}

function membersOf(node: Node): Member[] {
  if (Node.isInterfaceDeclaration(node)) return node.getMembers().map(memberOf);
  if (Node.isClassDeclaration(node)) return node.getMembers().filter(isPublic).map(memberOf);
  if (Node.isTypeAliasDeclaration(node)) {
    const literal = node.getTypeNode();
    return Node.isTypeLiteral(literal) ? literal.getMembers().map(memberOf) : [];
  }
  return [];
}

/** The head of a class or an interface: what it is called and what it extends. */
function headOf(node: Node): string {
  const text = node.getText(false);
  return text.slice(text.search(/\b(abstract class|class|interface)\b/), text.indexOf("{")).trim();
}

function describe(name: string, node: Node): Pick<Entry, "kind" | "signature" | "parameters" | "type"> {
  const plain = { parameters: [], type: "" };
  if (Node.isClassDeclaration(node)) return { kind: "class", signature: headOf(node), ...plain };
  if (Node.isInterfaceDeclaration(node)) return { kind: "interface", signature: headOf(node), ...plain };
  if (Node.isTypeAliasDeclaration(node)) {
    return { kind: "type", signature: node.getText(false).replace(/^export /, ""), ...plain };
  }
  const calls = node.getType().getCallSignatures();
  if (calls.length > 0) {
    const all = calls.map((call) => callOf(call, node));
    const [{ parameters, type }] = all;
    return { kind: "function", signature: all.map(({ text }) => `function ${name}${text}`).join("\n"), parameters, type };
  }
  const written = Node.isVariableDeclaration(node) ? node.getTypeNode()?.getText() : undefined;
  const type = written ?? textOf(node.getType(), node);
  return { kind: "constant", signature: `const ${name}: ${type}`, parameters: [], type };
}

function entryOf(name: string, node: Node): Entry {
  const path = relative(ROOT, node.getSourceFile().getFilePath()).replaceAll("\\", "/");
  const named = Node.isNameable(node) || Node.isNamed(node) ? node.getNameNode() : undefined;
  const line = (named ?? node).getStartLineNumber();
  return { name, ...describe(name, node), doc: docOf(node), members: membersOf(node), path, line, node };
}

/** A declaration that documents itself: overloads come before what implements them. */
const declarationOf = (nodes: readonly Node[]): Node => nodes.find((node) => docOf(node) !== "") ?? nodes[0];

const byName = (a: Entry, b: Entry): number => {
  const [x, y] = [a.name.toLowerCase(), b.name.toLowerCase()];
  return x < y || (x === y && a.name < b.name) ? -1 : 1;
};

/** The comment at the top of an index file, which must say what the subpath holds. */
function headerOf(text: string): string {
  const match = /^\/\*\*([\s\S]*?)\*\//.exec(text);
  return match ? match[1].replace(/^\s*\* ?/gm, "").trim() : "";
}

/** Every subpath of the package with what it exports, read from the sources. */
export function surface(): Page[] {
  const project = new Project({ tsConfigFilePath: join(ROOT, "tsconfig.build.json"), compilerOptions: { noEmit: true } });
  const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    exports: Record<string, string | { default: string }>;
  };
  return Object.entries(manifest.exports).flatMap(([subpath, entry]) => {
    if (typeof entry === "string") return [];
    const file = project.getSourceFileOrThrow(join(ROOT, entry.default.replace("./dist/", "src/").replace(/\.js$/, ".ts")));
    const entries = [...file.getExportedDeclarations()].map(([name, nodes]) => entryOf(name, declarationOf(nodes)));
    return [{ subpath, doc: headerOf(file.getFullText()), entries: entries.sort(byName) }];
  });
}
