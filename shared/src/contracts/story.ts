/** The correlation id in an object's metadata: S3's event cannot carry it, and the story began before the event. */

const name = "correlation-id";
/** What S3 keeps as it is in a header, and no more than an id needs. */
const pattern = /^[\u0021-\u007E]{1,128}$/;

/** The metadata to put an object with; none where the id could not be kept. */
export function storyMetadata(correlationId: string): Record<string, string> {
  return pattern.test(correlationId) ? { [name]: correlationId } : {};
}

/** The correlation id of whoever put the object; undefined where they told none. */
export function storyIn(metadata: Readonly<Record<string, string>> | undefined): string | undefined {
  const told = metadata?.[name];
  return told !== undefined && pattern.test(told) ? told : undefined;
}
