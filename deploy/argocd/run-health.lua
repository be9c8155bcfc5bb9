-- Argo CD: how a recorded run fares. One that was taken back is over: it is the Rollout that says what is wrong.
local outcome = (obj.status or {}).outcome
if outcome == nil then
  return {status = "Progressing", message = "Going on."}
end
return {status = "Healthy", message = "Ended: " .. outcome .. "."}
