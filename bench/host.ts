/** What the peers' host calls do: nothing that could be left out. */

export async function hostRecord(): Promise<{ readonly type: string; readonly size: number }> {
  return { type: 'file', size: 11 }
}

export function waited(ms: number): Promise<null> {
  return new Promise((resolve) => setTimeout(() => resolve(null), ms))
}
