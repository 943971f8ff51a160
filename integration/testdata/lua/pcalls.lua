-- As many protected calls that fail as arg[1] says, each a setjmp and a longjmp.
local function fail() error() end
local function nested(n)
  if n == 0 then error("bottom") end
  local ok, message = pcall(nested, n - 1)
  error(message, 0)
end
local failed = 0
for _ = 1, tonumber(arg[1]) do
  if not pcall(fail) then failed = failed + 1 end
end
print(failed)
print(pcall(nested, 150))
