/** Where the guest believes its workspace lies; only so that path.resolve() and absolute paths below it work. */
export const GUEST_CWD = '/workspace'
