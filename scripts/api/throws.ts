import { Node, SyntaxKind } from "ts-morph";

const OURS = /^(\w*Error|ArenaFull|ArenaRefused)$/;

/** Whether code throws one of our errors itself, or calls what does in the same file, or a check named `require…` of any file. */
class Thrower {
  readonly #known = new Map<Node, boolean>();

  throws(node: Node): boolean {
    const known = this.#known.get(node);
    if (known !== undefined) return known;
    this.#known.set(node, false); // a function that calls itself
    const found = this.#search(node);
    this.#known.set(node, found);
    return found;
  }

  #search(node: Node): boolean {
    for (const statement of node.getDescendantsOfKind(SyntaxKind.ThrowStatement)) {
      const thrown = statement.getExpression();
      if (Node.isNewExpression(thrown) && OURS.test(thrown.getExpression().getText())) return true;
    }
    return node.getDescendantsOfKind(SyntaxKind.Identifier).some((name) => {
      const text = name.getText();
      const parent = name.getParent();
      const called = Node.isCallExpression(parent) && parent.getExpression() === name;
      if (called && /^require[A-Z]/.test(text)) return true;
      // Methods of classes and rows of tables are reached by name, too.
      return (
        name
          .getSymbol()
          ?.getDeclarations()
          .some((declaration) => this.#follows(node, declaration)) === true
      );
    });
  }

  #follows(from: Node, declaration: Node): boolean {
    if (declaration === from || declaration.getSourceFile() !== from.getSourceFile()) return false;
    if (Node.isFunctionDeclaration(declaration) || Node.isMethodDeclaration(declaration)) return this.throws(declaration);
    if (!Node.isVariableDeclaration(declaration)) return false;
    // Only what stands at the top of the file; the variables of a function are part of it already.
    const body = declaration.getInitializer();
    return body !== undefined && Node.isSourceFile(declaration.getVariableStatement()?.getParent()) && this.throws(body);
  }
}

export const thrower = new Thrower();
