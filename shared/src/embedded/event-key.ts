/** How S3 writes a key into a notification. */

/** Form-encoded: a space is `+`, all but letters, digits and `-_.*` is percent-encoded as UTF-8; `/` stays. */
export function encodeEventKey(key: string): string {
  return encodeURIComponent(key)
    .replaceAll(/[!'()~]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%20", "+")
    .replaceAll("%2F", "/");
}
