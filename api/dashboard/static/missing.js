// The page of a Rollout that is not there yet looks for it.

import { keys } from "./keys.js";

const [namespace, name] = location.pathname.split("/").slice(2).map(decodeURIComponent);

keys({});
setInterval(async () => {
  const answer = await fetch(`/api/v1/rollouts?namespace=${encodeURIComponent(namespace)}`).catch(() => null);
  const there = answer?.ok ? await answer.json() : [];
  if (there.some((view) => view.name === name)) location.reload();
}, 2000);
