const mostTexts = 100;

/** `parse` for what is read with every request and hardly ever changes: a text that was parsed is not parsed again. */
export function remembering<T>(parse: (text: string) => T): (text: string) => T {
  const known = new Map<string, { readonly value: T }>();
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found.value;
    if (known.size >= mostTexts) known.clear();
    const value = parse(text);
    known.set(text, { value });
    return value;
  };
}
