-- Arguments, environment, files, directories' errors and the clock.
for i = 0, #arg do print(i, arg[i]) end
print(os.getenv("GREETING"), os.getenv("NOT_SET"))
for line in io.lines() do print("input: " .. line) end

local file = assert(io.open("out.txt", "w"))
for i = 1, 1000 do file:write(("line %d\n"):format(i)) end
print(file:seek("cur"), file:seek("end"), file:seek("set", 5))
file:close()
file = assert(io.open("out.txt", "r+"))
print(file:read("l", "n", "L"))
file:seek("set", 0)
file:write("LINE")
file:seek("end", -10)
print(file:read("a"))
file:close()
print(io.open("missing.txt"))
print(io.open("missing/file", "w"))
print(os.rename("out.txt", "renamed.txt"))
print(os.rename("out.txt", "renamed.txt"))
print(os.remove("missing.txt"))

local text = assert(io.open("given.txt")):read("a")
print(#text, select(2, text:gsub("\n", "")))
local binary = assert(io.open("binary", "wb"))
for i = 0, 255 do binary:write(string.char(i)) end
binary:setvbuf("no")
binary:write("unbuffered")
binary:close()

local temporary = io.tmpfile()
temporary:write("scratch")
temporary:seek("set")
print(temporary:read("a"))
temporary:close()

print(os.date("!%Y-%m-%d %H:%M:%S", 1000000000), os.time({ year = 2001, month = 9, day = 9, hour = 1, min = 46, sec = 40 }))
print(os.time() > 1600000000, os.clock() >= 0, os.difftime(10, 4))
print(os.setlocale(), os.setlocale("C"))
io.stderr:write("to standard error\n")
os.exit(tonumber(arg[1]) or 0)
