#!/bin/sh
# Peak memory of a 2048 x 2048 raster and of one 16 times as large, with GNU time (Debian package `time`).
# Usage: benchmarks/memory.sh PYTHON PATCHES [more arguments for segment]
set -eu
python=$1
patches=$2
shift 2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for size in 2048 8192; do
    "$python" benchmarks/mosaic.py "$patches" "$size" "$folder/$size.tif"
    /usr/bin/time -v -o "$folder/time" "$python" -m flair_landcover segment "$folder/$size.tif" "$folder/map.tif" "$@" \
        2>/dev/null | head -n 1
    peak=$(sed -n 's/.*Maximum resident set size (kbytes): //p' "$folder/time")
    echo "$size x $size: peak $((peak / 1024)) MiB"
    test "$size" = 2048 && small=$peak
done
echo "the larger takes $(( (peak - small) * 100 / small )) % more"
