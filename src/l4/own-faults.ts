/** Errors that say that this process lacks something: no node is to blame, and no other would do better. */
export const OWN_FAULTS: ReadonlySet<string | undefined> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM']);
