#!/usr/bin/env bash
# The whole path on real flights: definitions, a training set, the online store, a
# served value. QUIVER is the binary; without it, quiver on the PATH is used.
# Run again it finds everything done, and works too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
quiver=${QUIVER:-quiver}
mkdir -p out

bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m' plain=$'\e[0m'; fi

step() { # what it is about, then the command
  printf '\n%s# %s%s\n$ quiver %s\n' "$bold" "$1" "$plain" "${*:2}"
  "$quiver" "${@:2}"
}

step 'Check the definitions in features/' validate
step 'Run the tests of features, which stand beside the definitions' test
step 'Look at a view before it is applied' preview airport_arrivals --key airport=SFO,ORD
step 'See what applying them would change' plan
step 'Apply them: one revision of the registry' apply --yes
step 'What the registry holds' list
step 'What a model asks for' describe delay_model
step "Build a training set: the flights of June 29, each as of its departure" \
  train --spine data/labels.parquet --service delay_model --out out/train.parquet --force
step 'And one of windows over the traffic, with what only the request knows' \
  train --spine data/labels.parquet --service traffic_model --out out/traffic.parquet --force
step 'Bring the online store up to now' materialize
step 'How fresh it is' status
step 'Ask for two flights that depart now' \
  get --service delay_model --key origin=SFO,JFK --key destination=LAX,BOS
step 'And what the model of the traffic sees of them' \
  get --service traffic_model --key origin=SFO,JFK --key destination=LAX,BOS --input distance=337,187

printf '\n%s# The same from a running server, over gRPC%s\n$ quiver serve &\n' "$bold" "$plain"
log=out/serve.log
"$quiver" serve --grpc 127.0.0.1:0 --http '' --log-format text >"$log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true' EXIT
for _ in $(seq 100); do
  grep -q 'msg=ready' "$log" && break
  kill -0 "$server" 2>/dev/null || break
  sleep 0.1
done
address=$(sed -n 's/.*msg=listening grpc=//p' "$log")
if ! grep -q 'msg=ready' "$log" || [ -z "$address" ]; then
  echo 'the server did not start:' >&2
  cat "$log" >&2
  exit 1
fi
step 'A request to it' get --server "$address" --service delay_model --key origin=SFO --key destination=LAX
step 'And one that brings what only the request knows' \
  get --server "$address" --service traffic_model --key origin=SFO --key destination=LAX --input distance=337

path=$(type -P "$quiver") # the binary that was used, wherever this folder was copied to
cat <<END

${bold}Done.${plain} $PWD is yours to play with. Next:
  cd '$PWD' && export PATH=\$PATH:'$(cd "$(dirname "$path")" && pwd)'
  quiver get --features 'airport_facts:city,airport_delay:*' --key airport=SFO,ORD,ATL
  quiver train --spine data/labels.parquet --features 'route_delay:*' --out out/routes.arrow
  edit features/delays.yaml (a longer ttl, another feature), then quiver plan
  quiver serve, and ask it by curl (README.md here) or from Go (sdk/go)
The training set is out/train.parquet; its manifest stands beside it.
END
