/** Packages that bring no types: what the tools beside this use of them is unknown to the compiler. */
declare module 'lodash-es'
declare module 'mustache'
declare module 'luxon'
