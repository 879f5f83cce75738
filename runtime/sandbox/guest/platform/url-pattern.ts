/** URLPattern (WHATWG URL Pattern). */
export { URLPattern } from 'urlpattern-polyfill/urlpattern'
