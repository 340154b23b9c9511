import { IN_FOLDER, within } from "./in-folder.ts";
import type { SearchIndex } from "./search-index.ts";
import { STOP_WORDS } from "./stop-words.ts";

/** Something and how often it occurs. */
export interface Counted {
  readonly name: string;
  readonly count: number;
}

/** A document that is not in the index, and why. */
export interface Problem {
  readonly path: string;
  readonly problem: string;
}

/** What a folder holds. */
export interface Statistics {
  readonly files: number;
  readonly indexed: number;
  readonly words: number;
  readonly links: number;
  readonly topTerms: readonly Counted[];
  readonly topHosts: readonly Counted[];
  readonly problems: readonly Problem[];
}

const TOP = 8;

/** Counts what is in the index of a folder. */
export function countStatistics({ database }: SearchIndex, folder: string): Statistics {
  const rows = <Row>(sql: string): readonly Row[] =>
    database.prepare(sql.replaceAll("in_folder", IN_FOLDER)).all(within(folder)) as Row[];
  const [totals] = rows<Pick<Statistics, "files" | "indexed" | "words">>(
    `select count(*) as files, count(*) filter (where state = 'indexed') as indexed, coalesce(sum(words), 0) as words
     from documents where in_folder`,
  );
  const links = rows<{ target: string }>(
    "select target from links where document_id in (select id from documents where in_folder)",
  );
  const terms = rows<Counted>(
    `select term as name, count(*) as count from document_terms
     where col = 'body' and doc in (select id from documents where in_folder) and length(term) > 3 and term glob '[a-z]*'
     group by term order by count desc, term limit 200`,
  );
  const problems = rows<Problem>(
    `select path, coalesce(problem, 'It was not indexed; see its task.') as problem
     from documents where state <> 'indexed' and in_folder order by path`,
  );
  return {
    ...totals!,
    links: links.length,
    topTerms: terms.filter(({ name }) => !STOP_WORDS.has(name)).slice(0, TOP),
    topHosts: countHosts(links.map(({ target }) => target)).slice(0, TOP),
    problems,
  };
}

/** Keeps statistics, in place of earlier ones. */
export function storeStatistics(
  { database }: SearchIndex,
  folder: string,
  statistics: Statistics,
): void {
  database
    .prepare("insert or replace into statistics (folder, report) values (?, ?)")
    .run(folder, JSON.stringify(statistics));
}

/** The statistics that were kept last; `undefined` when there are none. */
export function readStatistics({ database }: SearchIndex, folder: string): Statistics | undefined {
  const row = database.prepare("select report from statistics where folder = ?").get(folder);
  return row === undefined ? undefined : (JSON.parse(row["report"] as string) as Statistics);
}

function countHosts(targets: readonly string[]): readonly Counted[] {
  const counts = new Map<string, number>();
  for (const target of targets) {
    const host = /^https?:/i.test(target) ? URL.parse(target)?.hostname : undefined;
    if (host !== undefined) counts.set(host, (counts.get(host) ?? 0) + 1);
  }
  return [...counts]
    .map(([name, count]) => ({ name, count }))
    .sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1));
}
