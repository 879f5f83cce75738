/** What Web IDL makes of a value where it wants text: unlike String(), it throws TypeError for a symbol. */
export function domString(value: unknown): string {
  // oxlint-disable-next-line typescript/no-unnecessary-template-expression
  return `${value as string}`
}
