#!/bin/sh
# Unpacks the archive beside this script into a folder for now, and checks the GPU: see README.md in bench/gpu of tokenformer.
# Options go to the check, such as: check.sh --minutes 4 --out result.json. It is stopped a minute after its time in any case.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
unpacked=$(mktemp -d)
trap 'rm -rf "$unpacked"' EXIT
tar -xzf "$here/check.tar.gz" -C "$unpacked"
if [ -d "$unpacked/check/vulkan" ] && ! ldconfig -p 2>/dev/null | grep -q libvulkan.so.1; then
  LD_LIBRARY_PATH="$unpacked/check/vulkan${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
  export LD_LIBRARY_PATH
fi
if [ -n "${ONNXRUNTIME_PROVIDERS:-}" ]; then
  ln -s "$ONNXRUNTIME_PROVIDERS"/libonnxruntime_providers_*.so "$unpacked"/check/node_modules/onnxruntime-node/bin/napi-v6/linux/x64/
fi
minutes=7
previous=
for option in "$@"; do
  case $option in --minutes=*) minutes=${option#--minutes=} ;; esac
  [ "$previous" = --minutes ] && minutes=$option
  previous=$option
done
timeout "$((60 * minutes + 60))" "$unpacked/check/node" "$unpacked/check/dist-bench/gpu/check.js" "$@"
