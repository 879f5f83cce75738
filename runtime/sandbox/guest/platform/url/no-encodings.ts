/** A tool has no document, so the encoding of its URLs is UTF-8 (URL section 4.4: encoding override). */
export const documentEncoding = 'utf-8'
