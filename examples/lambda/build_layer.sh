#!/usr/bin/env bash
# Build a layer and a function for the zip form of AWS Lambda, and say whether they fit into it.
#
#   examples/lambda/build_layer.sh OUT            # OUT/layer.zip, OUT/function.zip, both unpacked beside
#   PYTHON=python3.13 examples/lambda/build_layer.sh OUT
#   ARCH=aarch64 examples/lambda/build_layer.sh OUT
#
# PYTHON must be of the version of the function's runtime: modules are compiled with it, for Lambda's
# folders are read-only, and what is not compiled would be compiled at every start.
# PACKAGE is what is installed: the checkout unless it says "nukki[cpu]==VERSION".
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
out="${1:?usage: build_layer.sh OUT}"
python="${PYTHON:-python3}"
arch="${ARCH:-$(uname -m)}"
package="${PACKAGE:-$root[cpu]}"
unpacked_most=$((250 * 1024 * 1024)) # layers and function together
upload_most=$((50 * 1024 * 1024))    # of one zip; larger ones go by way of S3

mkdir -p "$out"
out="$(cd "$out" && pwd)"
layer="$out/layer" site="$out/layer/python"
rm -rf "$layer" "$out/function" "$out/wheels" "$out"/layer.zip "$out"/function.zip

if [ -d "${package%%\[*}" ]; then # a checkout: wheels only can be installed for another machine
  "$python" -m pip wheel --quiet --disable-pip-version-check --no-deps -w "$out/wheels" "${package%%\[*}"
  package="$(echo "$out"/wheels/nukki-*.whl)[cpu]"
fi
platforms=()
for tag in manylinux_2_28 manylinux_2_27 manylinux_2_24 manylinux_2_17 manylinux2014; do
  platforms+=(--platform "${tag}_$arch")
done
# What the handler uses of the extra `serve`: no uvicorn, Lambda itself is the server.
"$python" -m pip install --quiet --disable-pip-version-check --no-compile --only-binary=:all: \
  "${platforms[@]}" --target "$site" "$package" "starlette>=0.46" "python-multipart>=0.0.20"

size() { "$python" - "$@" <<'PY'
import sys
from pathlib import Path
print(sum(file.stat().st_size for root in sys.argv[1:] for file in Path(root).rglob("*") if file.is_file()))
PY
}
whole="$(size "$site")"

# Never imported where pictures are cut out: tools for models, headers, tests, types.
rm -rf "$site"/bin "$site"/onnxruntime/{transformers,tools,quantization,datasets,backend} \
  "$site"/numpy/{f2py,_core/include,_core/lib,_pyinstaller,random/_examples,random/lib} \
  "$site"/numpy/_core/tests
find "$site" -type d \( -name tests -o -name __pycache__ \) -prune -exec rm -rf {} +
find "$site" -type f \( -name '*.pyi' -o -name '*.pxd' -o -name '*.a' -o -name '*.h' \) -delete
# Valid whatever times an archive gives its files.
"$python" -m compileall -q -j 0 --invalidation-mode unchecked-hash "$site" >&2

mkdir -p "$out/function"
cp "$root/examples/lambda/handler.py" "$out/function/"
(cd "$layer" && "$python" -m zipfile -c ../layer.zip python)
(cd "$out/function" && "$python" -m zipfile -c ../function.zip handler.py)

together="$(size "$layer" "$out/function")"
zipped="$(stat -c %s "$out/layer.zip")"
mega() { awk -v bytes="$1" 'BEGIN { printf "%.1f MB", bytes / 1e6 }'; }
echo "python $("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])'), $arch"
echo "unpacked: $(mega "$together") of $(mega "$unpacked_most") ($(mega "$whole") before trimming, not compiled)"
echo "layer.zip: $(mega "$zipped")"
if [ "$zipped" -gt "$upload_most" ]; then
  echo "more than $(mega "$upload_most"): upload it to S3 and name it from there"
fi
if [ "$together" -gt "$unpacked_most" ]; then
  echo "does not fit: use the container" >&2
  exit 1
fi
echo "fits"
