/** What is worth knowing of a document. */
export interface ParsedDocument {
  /** The first heading; `null` when there is none. */
  readonly title: string | null;
  /** The text without markup. */
  readonly body: string;
  readonly words: number;
  /** Targets of links, in order, each as often as it occurs. */
  readonly links: readonly string[];
}

/** Takes a Markdown text apart. Good enough for searching; not for rendering. */
export function parseMarkdown(text: string): ParsedDocument {
  const content = text.replace(/^\uFEFF?---\r?\n[^]*?\n---\r?\n/, "");
  const body = toPlainText(content);
  const title = findTitle(content);
  return {
    title: title === undefined ? null : toPlainText(title),
    body,
    words: countWords(body),
    links: findLinks(content),
  };
}

const WORD = /[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*/gu;

function countWords(text: string): number {
  return text.match(WORD)?.length ?? 0;
}

function findTitle(text: string): string | undefined {
  const lines = withoutBlocks(text).split(/\r?\n/);
  for (const [index, line] of lines.entries()) {
    const heading = /^ {0,3}#{1,6}\s+(.*?)[\s#]*$/.exec(line)?.[1];
    if (heading !== undefined && toPlainText(heading) !== "") return heading;
    const isUnderlined = /^ {0,3}(=+|-{3,})\s*$/.test(lines[index + 1] ?? "");
    if (isUnderlined && /\p{L}/u.test(line)) return line;
  }
  return undefined;
}

/** Inline links, reference definitions and addresses in angle brackets. Images are not links, and code is not read. */
const LINKS = [
  /(?<!!)\[[^[\]]*\]\(\s*<?([^\s()<>]+)/g,
  /^ {0,3}\[[^[\]]+\]:\s*<?([^\s<>]+)/gm,
  /<(https?:\/\/[^\s<>]+)>/g,
];

function findLinks(text: string): readonly string[] {
  const prose = withoutBlocks(text).replace(/`[^`\n]*`/g, "");
  return LINKS.flatMap((pattern) => [...prose.matchAll(pattern)])
    .sort((a, b) => a.index - b.index)
    .map((match) => match[1] ?? "");
}

function withoutBlocks(text: string): string {
  return text.replace(/^ {0,3}(```+|~~~+)[^]*?(?:^ {0,3}\1|$(?![^]))/gm, "");
}

function toPlainText(text: string): string {
  return text
    .replace(/<!--[^]*?(?:-->|$)/g, " ")
    .replace(/<\/?[a-z][^<>]*>/gi, " ")
    .replace(/^ {0,3}\[[^[\]]+\]:.*$/gm, " ")
    .replace(/!?\[([^[\]]*)\](?:\([^()]*\)|\[[^[\]]*\])?/g, "$1")
    .replace(/<https?:[^\s<>]*>|https?:\/\/\S+/g, " ")
    .replace(/[*_`~#>|=]+/g, " ")
    .replace(/[^\S\n]+/g, " ")
    .replace(/\s*\n\s*/g, "\n")
    .trim();
}
