import { expect, test } from "vitest";

import { parseMarkdown } from "../src/documents/parse-markdown.ts";

test.for([
  ["# The title #\n\ntext", "The title"],
  ["text before\n\n## `code` and [a link](./a.md)", "code and a link"],
  ["Underlined\n==========\ntext", "Underlined"],
  ["```sh\n# a comment\n```\n\n# After the code", "After the code"],
  ["---\ntitle: hidden\n---\n# After the front matter", "After the front matter"],
  ["#hashtag is not a heading", null],
  ["", null],
] as const)("the title of %j is %j", ([text, title]) => {
  expect(parseMarkdown(text).title).toBe(title);
});

test("links are found in order, and neither images nor code are links", () => {
  const { links } = parseMarkdown(`
See [one](https://one.example/a "title"), ![an image](picture.png) and <https://two.example>.

\`[not](this.md)\`

~~~
[nor](this.md)
~~~

[three]: ./three.md
[![badge](badge.svg)](https://four.example)
`);
  expect(links).toEqual(["https://one.example/a", "https://two.example", "./three.md"]);
});

test("words are counted without markup and addresses", () => {
  const { words, body } = parseMarkdown(
    "# Two words\n\n**Don't** count [this link](https://example.com/not/these) or <b>tags</b> <!-- or this -->.",
  );
  expect(body).toBe("Two words\nDon't count this link or tags .");
  expect(words).toBe(8);
});

test("words of every script count", () => {
  expect(parseMarkdown("naïve Größe слово 東京").words).toBe(4);
});

test.for(["[", "![", "<", "`", "```\n", "# ", "<!--", "[a](", "---\n", "\n", "* ", "[x]: "])(
  "a text of 100,000 times %j takes no time worth mentioning",
  (piece) => {
    const before = performance.now();
    parseMarkdown(piece.repeat(100_000));
    expect(performance.now() - before).toBeLessThan(2000);
  },
);
