/** With what each entry into a guest rejects once it has run (boot.ts); a primitive, which no guest can watch. */
export const ENTERED = 0
