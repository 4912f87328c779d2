#!/usr/bin/env bash
# Takes the steps of deploy/Containerfile in temporary folders, without a container engine, and proves that what comes
# out serves: it starts, says that it is ready, passes its health check and stops on SIGTERM. As root the image's files
# are the only ones that the server sees (chroot), and it runs as the image's user; else it runs from the folder as
# the user at hand. Then the systemd unit is checked.
#
# A stage FROM scratch starts as an empty folder. Any other starts as this machine, whose files it reads: there, only
# paths that its own steps made are its own.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
server=
finish() {
  if [[ -n $server ]]; then kill -KILL "$server" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap finish EXIT
fail() { echo "deploy/check.sh: $*" >&2; exit 1; }

declare -A roots scratch variables
stage= root= cwd=/ user= health=() entrypoint=() cmd=() image_env=()

# words writes the items of ["a", "b"], a line each.
words() { sed -E 's/^[^[]*\[//; s/\].*$//; s/", *"/\n/g; s/"//g' <<<"$1"; }

# own gives the place of a path of a stage.
own() {
  local in=$1 path=$2
  if [[ -e $in$path || -n ${scratch[$in]:-} ]]; then echo "$in$path"; else echo "$path"; fi
}

copy() {
  local from=$PWD owner= args=()
  local from_stage=
  for word in $1; do
    case $word in
      --from=*) from_stage=${word#--from=}; from=${roots[$from_stage]:?no stage $from_stage} ;;
      --chown=*) owner=${word#--chown=} ;;
      *) args+=("$word") ;;
    esac
  done
  [[ ${#args[@]} == 2 ]] || fail "COPY takes one source and one target here: COPY $1"
  local source=${args[0]} target=${args[1]}
  [[ $target == /* ]] || target=${cwd%/}/${target#.}
  mkdir -p "$root$(dirname "${target%/}/x")"
  if [[ -z $from_stage ]]; then
    local ignore=()
    while read -r pattern; do ignore+=("--exclude=./${pattern#\*\*/}"); [[ $pattern != \*\** ]] || ignore+=("--exclude=${pattern#\*\*/}"); done <.dockerignore
    tar -C "$source" "${ignore[@]}" -cf - . | tar -C "$root$target" -xf -
    return
  fi
  source=$(own "$from" "$source")
  if [[ -d $source ]]; then
    cp -RL "$source/." "$root$target"
  else
    rmdir "$root$target" # made above as if it were a folder
    cp -L "$source" "$root$target"
  fi
  if [[ -n $owner && $EUID == 0 ]]; then chown -R "$owner" "$root$target"; fi
}

step() {
  local instruction=$1 rest=$2
  case $instruction in
    FROM)
      read -r image _ stage <<<"$rest"
      stage=${stage:-final}
      root=$work/$stage cwd=/ user= variables=() image_env=()
      mkdir -p "$root"
      roots[$stage]=$root
      [[ $image != scratch ]] || scratch[$root]=yes
      ;;
    ARG) variables[${rest%%=*}]=${rest#*=} ;;
    ENV) image_env+=("$rest") ;;
    WORKDIR) cwd=$rest; mkdir -p "$root$cwd" ;;
    COPY) copy "$rest" ;;
    RUN)
      [[ -z ${scratch[$root]:-} ]] || fail "nothing can RUN in a stage from scratch: $rest"
      local command=$rest name
      for name in "${!variables[@]}"; do command=${command//\$$name/${variables[$name]}}; done
      command=$(sed -E "s#(^|[ =])/#\1$root/#g" <<<"$command")
      (cd "$root$cwd" && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL bash -euc "$command")
      ;;
    USER) user=$rest ;;
    HEALTHCHECK) mapfile -t health < <(words "$rest") ;;
    ENTRYPOINT) mapfile -t entrypoint < <(words "$rest") ;;
    CMD) mapfile -t cmd < <(words "$rest") ;;
    EXPOSE | VOLUME) ;;
    *) fail "unknown instruction $instruction" ;;
  esac
}

while read -r instruction rest; do
  case $instruction in '' | \#*) continue ;; esac
  printf '%s %s\n' "$instruction" "$rest"
  step "$instruction" "$rest"
done <deploy/Containerfile

# What has to hold for the image.
[[ -n ${scratch[$root]:-} ]] || fail "the last stage is not from scratch"
[[ $user =~ ^[1-9][0-9]*:[1-9][0-9]*$ ]] || fail "the image runs as ${user:-root}: name another user by its numbers"
want='etc/ssl/certs/ca-certificates.crt quiver '
got=$(cd "$root" && find . -type f | sed 's#^\./##' | sort | tr '\n' ' ')
[[ $got == "$want" ]] || fail "the image holds $got, expected $want"

# A project, as it would be mounted.
"$root/quiver" init "$root$cwd/shop" >/dev/null
"$root/quiver" -C "$root$cwd/shop" apply --yes >/dev/null 2>&1
"$root/quiver" -C "$root$cwd/shop" materialize >/dev/null 2>&1

# in_image runs a command of the image with its environment; further NAME=value words go before it.
in_image() {
  local environment=("${image_env[@]}")
  while [[ $1 == *=* ]]; do environment+=("$1"); shift; done
  if [[ $EUID == 0 ]]; then
    exec env -i "${environment[@]}" "$(command -v chroot)" --userspec="$user" "$root" "$@"
  fi
  cd "$root$cwd" && exec env -i "${environment[@]}" "QUIVER_SERVE_SNAPSHOT=$root/var/lib/quiver/serve.snapshot" "$root$@"
}
project=$cwd/shop
if [[ $EUID == 0 ]]; then chown -R "$user" "$root$cwd"; else project=$root$cwd/shop; fi

(in_image QUIVER_SERVE_GRPC=127.0.0.1:0 QUIVER_SERVE_HTTP=127.0.0.1:0 "${entrypoint[@]}" -C "$project" "${cmd[@]}") 2>"$work/log" &
server=$!
address() { sed -n "s/.*\"msg\":\"listening\",\"$1\":\"\([^\"]*\)\".*/\1/p" "$work/log"; }
healthy() { [[ -n $(address grpc) ]] && (in_image "QUIVER_SERVE_GRPC=$(address grpc)" "${health[@]}") >"$work/health" 2>&1; }
for _ in $(seq 100); do
  kill -0 "$server" 2>/dev/null || break
  ! healthy || break
  sleep 0.1
done
healthy || { cat "$work/log" "$work/health" >&2 || true; fail "the server does not pass its health check"; }
http=$(address http)
exec 3<>"/dev/tcp/${http%:*}/${http##*:}"
printf 'GET /readyz HTTP/1.1\r\nHost: quiver\r\nConnection: close\r\n\r\n' >&3
read -r _ code _ <&3
exec 3>&-
[[ $code == 200 ]] || fail "/readyz answers $code"
if [[ $EUID == 0 ]]; then
  [[ $(stat -c %u "/proc/$server") == "${user%:*}" ]] || fail "the server runs as user $(stat -c %u "/proc/$server")"
fi
[[ -s $root/var/lib/quiver/serve.snapshot ]] || fail "the server wrote no snapshot"
kill -TERM "$server"
status=0
wait "$server" || status=$?
server=
[[ $status == 0 ]] || { cat "$work/log" >&2; fail "the server ended with $status on SIGTERM"; }
grep -q '"msg":"stopped"' "$work/log" || fail "the server did not say that it stopped"
echo "the image serves: $(du -sh "$root/quiver" | cut -f1) as user $user, ready, healthy, stopped by SIGTERM"

# The unit, with a binary that is there.
if command -v systemd-analyze >/dev/null; then
  sed "s#/usr/local/bin/quiver#$root/quiver#" deploy/quiver.service >"$work/quiver.service"
  systemd-analyze verify "$work/quiver.service"
  echo "the systemd unit is a good one"
else
  echo "NOTE: no systemd-analyze here: deploy/quiver.service is NOT checked"
fi
