/** Words that say nothing about a text, and those that every page about programs has. */
export const STOP_WORDS: ReadonlySet<string> = new Set(
  `about above after again against also always another around because been before being below between both cannot could
  does doing done down during each either else ever every example first following from further have having here however
  http https into itself just like made make many more most much must need never only other otherwise over please same
  shall should since some such than that their them then there these they this those through true false null under until
  using very want were what when where whether which while will with within without would your yours used uses case
  const function return import export default string number value type name object array`.split(
    /\s+/,
  ),
);
