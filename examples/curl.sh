#!/usr/bin/env bash
# Every address of the server, by curl. Start one first: nukki serve
#
#   examples/curl.sh photo.jpg                                  # results into the folder `cut`
#   SERVER=https://example.org/cut KEY=… examples/curl.sh photo.jpg out
set -euo pipefail
photo="${1:?usage: curl.sh PHOTO [FOLDER]}"
out="${2:-cut}"
server="${SERVER:-http://127.0.0.1:7000}"
mkdir -p "$out"
# --fail-with-body: an error is an exit code, and its JSON (error, hint, code) is still shown.
ask() { curl --silent --show-error --fail-with-body -H "X-Api-Key: ${KEY:-}" "$@"; }

# --- the subject
ask -F image=@"$photo" "$server/api/remove" -o "$out/cut.png"
ask -F image=@"$photo" -F mask=true "$server/api/remove" -o "$out/mask.png"
ask -F image=@"$photo" -F background=white -F format=jpeg "$server/api/remove" -o "$out/white.jpg"
ask -F image=@"$photo" -H "Accept: image/webp" "$server/api/remove" -o "$out/cut.webp"
# Options may stand in the address, too. Headers say whether there is a subject, and where.
ask -F image=@"$photo" "$server/api/remove?edges=fast&colours=keep" -D "$out/headers.txt" -o "$out/fast.png"
# From a pipe; JSON with the mask as runs.
cat "$photo" | ask -F "image=@-;filename=photo" -F format=json "$server/api/remove" -o "$out/cut.json"

# --- another background
ask -F image=@"$photo" -F background=blur "$server/api/replace" -o "$out/blur.png"
ask -F image=@"$photo" -F background=@"$photo" -F shadow=contact "$server/api/replace" -o "$out/before.png"

# --- people and things: listed, or drawn with their numbers
ask -F image=@"$photo" -F what=all "$server/api/segment" -o "$out/things.json"
ask -F image=@"$photo" -F what=all -F format=webp "$server/api/segment" -o "$out/things.webp"

# --- the one thing at a point, and not at another; or in a box
ask -F image=@"$photo" -F at=80,60 -F not=5,5 "$server/api/pick" -o "$out/thing.png"
ask -F image=@"$photo" -F box=20,10,150,100 -F format=json "$server/api/pick" -o "$out/thing.json"

# --- gone: what the white of a mask covers, here the subject's own
ask -F image=@"$photo" -F mask=@"$out/mask.png" "$server/api/erase" -o "$out/gone.png"
ask -F image=@"$photo" -F mask=@"$out/mask.png" -F preview=true "$server/api/erase" -o "$out/goes.png"

# --- remove.bg's form: a form, urlencoded base64, or JSON
ask -F image_file=@"$photo" -F size=full -F bg_color=81d4fa -F format=jpg "$server/v1.0/removebg" -o "$out/removebg.jpg"
base64 <"$photo" | tr -d '\n' >"$out/photo.b64"
ask --data-urlencode image_file_b64@"$out/photo.b64" -d size=full -d crop=true -d crop_margin=10% \
  "$server/v1.0/removebg" -o "$out/cropped.png"
printf '{"image_file_b64": "%s", "size": "full", "format": "zip"}' "$(cat "$out/photo.b64")" |
  ask -H "Content-Type: application/json" -d @- "$server/v1.0/removebg" -o "$out/removebg.zip"

# --- the server itself
ask "$server/api/models" -o "$out/models.json"
ask "$server/healthz" -o "$out/healthz.json"
ask "$server/readyz" -o "$out/readyz.json"
ask "$server/metrics" -o "$out/metrics.txt"
ask "$server/openapi.json" -o "$out/openapi.json"
ask "$server/docs" -o "$out/docs.html"

# --- an error: status, and JSON with a hint
curl --silent -H "X-Api-Key: ${KEY:-}" -F image=@"$photo" -F edge=best "$server/api/remove" -o "$out/error.json"
ls "$out"
