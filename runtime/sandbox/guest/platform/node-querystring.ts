/** node:querystring, Node's own text as unenv carries it. */
import base from 'unenv/node/querystring'

export const querystring = { ...base }
