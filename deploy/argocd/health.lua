-- Argo CD: how a Rollout fares. Runs without any library of Lua's.
local status = obj.status or {}
local message = status.message or "The controller has not seen it yet."

if obj.metadata.deletionTimestamp ~= nil then
  return {status = "Progressing", message = message}
end
if status.phase == nil or status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "Waiting for the controller: " .. message}
end

local healths = {
  Healthy = "Healthy",
  Paused = "Suspended",
  Aborted = "Degraded",
  Stalled = "Degraded",
}
local health = healths[status.phase] or "Progressing"

-- A step that a person has to let go on is suspended, as one that a person paused is.
local waits = {WaitingForApproval = true, NotProved = true, CanarySilent = true}
for _, condition in ipairs(status.conditions or {}) do
  if condition.type == "Reconciling" and condition.status == "True" and waits[condition.reason] then
    health = "Suspended"
  end
end

return {status = health, message = message}
