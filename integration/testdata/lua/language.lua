-- What the language does with numbers, strings, tables, closures, metatables and coroutines.
print(_VERSION, ...)
print(7 // 2, -7 // 2, 7 % -3, 2 ^ 53, 1 / 0, -1 / 0, 0 / 0 ~= 0 / 0)
print(math.maxinteger, math.mininteger, math.maxinteger + 1 == math.mininteger)
print(string.format("%5.2f|%-8s|%08x|%q|%g|%a", math.pi, "left", 48879, "a\n\0b", 1e300, 0.1))
print(math.sin(1), math.exp(1), math.log(10), math.sqrt(2), math.fmod(7.5, 2))
print(tostring(1e15), tostring(1e16), 0.1 + 0.2, 100 * 1.1, 3 | 5, 3 ~ 5, ~0, 1 << 62, 1 >> 1)
print(("hello world"):gsub("o", { o = "0" }), ("key = value"):match("^(%w+)%s*=%s*(%w+)$"))
print(utf8.char(72, 228, 8364, 128512), utf8.len("häß€"), #"häß€")
for position, code in utf8.codes("aß€") do io.write(position, ":", code, " ") end
print()

local words = {}
for word in ("the quick brown fox jumps over the lazy dog"):gmatch("%a+") do words[#words + 1] = word end
table.sort(words, function(a, b) if #a ~= #b then return #a < #b end return a < b end)
print(table.concat(words, " "), table.unpack({ 1, 2, 3 }, 2))
print(select("#", table.unpack({}, 1, 200)))

local numbers = {}
local seed = 42
for i = 1, 50000 do
  seed = (seed * 1103515245 + 12345) % 2147483648
  numbers[i] = seed
end
table.sort(numbers)
for i = 2, #numbers do assert(numbers[i - 1] <= numbers[i]) end
print(numbers[1], numbers[25000], numbers[50000])

local Vector = {}
Vector.__index = Vector
Vector.__add = function(a, b) return setmetatable({ a[1] + b[1], a[2] + b[2] }, Vector) end
Vector.__eq = function(a, b) return a[1] == b[1] and a[2] == b[2] end
Vector.__tostring = function(v) return "(" .. v[1] .. ", " .. v[2] .. ")" end
local sum = setmetatable({ 1, 2 }, Vector) + setmetatable({ 3, 4 }, Vector)
print(sum, sum == setmetatable({ 4, 6 }, Vector))

local function generate(n)
  return coroutine.wrap(function()
    local a, b = 0, 1
    for _ = 1, n do
      coroutine.yield(a)
      a, b = b, a + b
    end
  end)
end
for value in generate(20) do io.write(value, " ") end
print()

local depth = 0
local function deep() depth = depth + 1; return 1 + deep() end
local ok, message = pcall(deep)
print(ok, message:match("stack overflow"), depth > 1000)

do
  local log = {}
  do
    local first <close> = setmetatable({}, { __close = function() log[#log + 1] = "first" end })
    local second <close> = setmetatable({}, { __close = function(_, e) log[#log + 1] = "second" end })
  end
  print(table.concat(log, " "))
end
goto done
print("never")
::done::
print(load("return 1 +")) -- a syntax error
print(string.pack("<i4z>d", -2, "text", 1.5):byte(1, -1))
