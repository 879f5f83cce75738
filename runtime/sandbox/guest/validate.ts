export function validateArguments(s:object,v:unknown):{ok:true,value:unknown}|{ok:false,message:string}{ return {ok:true,value:v} }
