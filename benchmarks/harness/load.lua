-- One and the same request all the time. With CHECK set, every answer is compared with what
-- onnxruntime said; without it wrk leaves bodies unread and so takes less of the machine.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = io.open(os.getenv("BODY"), "rb"):read("*a")

local label = '"label"%s*:%s*"' .. os.getenv("LABEL") .. '"'
local share = '"' .. os.getenv("LABEL") .. '"%s*:%s*([%d%.eE+-]+)'
local expected = tonumber(os.getenv("PROBABILITY"))
local threads = {}

wrong = 0

function setup(thread)
  table.insert(threads, thread)
end

if os.getenv("CHECK") then
  function response(status, headers, body)
    local got = tonumber(string.match(body, share))
    if not (string.find(body, label) and got and math.abs(got - expected) < 1e-4) then
      wrong = wrong + 1
    end
  end
end

function done(summary, latency)
  local bad = 0
  for _, thread in ipairs(threads) do
    bad = bad + thread:get("wrong")
  end
  local errors = summary.errors
  io.write(string.format(
    'FIGURES {"requests":%d,"seconds":%.6f,"p50":%.6f,"p99":%.6f,"bad_status":%d,"broken":%d,"wrong":%d}\n',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1e6, latency:percentile(99) / 1e6,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout, bad))
end
