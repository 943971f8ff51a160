-- An uncaught error: message and traceback on standard error, status 1.
local function inner() error({ code = 7 }) end
local ok, problem = pcall(inner)
print(ok, type(problem), problem.code)
print(pcall(error))
print(xpcall(function() local nothing; return nothing.field end, function(m) return "handled: " .. m end))
print(select(2, pcall(string.rep)))
local co = coroutine.create(function() coroutine.yield(1); error("inside") end)
print(coroutine.resume(co))
print(coroutine.resume(co))
print(coroutine.resume(co))
error("the end")
