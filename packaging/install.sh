#!/bin/sh
# Installs GEM Live from the unpacked archive, or removes it.
#
#   ./install.sh                      into /usr/local as root, otherwise into ~/.local
#   PREFIX=/opt/gem-live ./install.sh
#   PREFIX=/opt/gem-live ./install.sh --uninstall
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ -z "${PREFIX:-}" ]; then
    if [ "$(id -u)" = 0 ]; then PREFIX=/usr/local; else PREFIX=$HOME/.local; fi
fi
case $PREFIX in
    /*) ;;
    *) echo "install.sh: PREFIX must be an absolute path, and is $PREFIX" >&2; exit 2 ;;
esac
files() { (cd "$here" && find bin share -type f); }
case ${1:-} in
    "")
        "$here/bin/gem-live" --version >/dev/null || {
            echo "install.sh: the program does not start on this system; it needs $(cat "$here/share/doc/gem-live/SYSTEM")" >&2
            exit 1
        }
        files | while IFS= read -r file; do
            mode=644
            case $file in bin/*) mode=755 ;; esac
            mkdir -p "$PREFIX/${file%/*}"
            install -m "$mode" "$here/$file" "$PREFIX/$file"
        done
        # Desktops start programs without the shell's PATH.
        entry=$PREFIX/share/applications/gem-live.desktop
        escaped=$(printf '%s' "$PREFIX" | sed 's/[&|\\]/\\&/g')
        sed "s|^Exec=.*|Exec=\"$escaped/bin/gem-live\"|" "$here/share/applications/gem-live.desktop" >"$entry"
        echo "installed: $PREFIX/bin/gem-live"
        case ":$PATH:" in
            *":$PREFIX/bin:"*) ;;
            *) echo "$PREFIX/bin is not in your PATH" ;;
        esac
        echo "cameras and what they need: $PREFIX/bin/gem-live devices"
        ;;
    --uninstall)
        files | while IFS= read -r file; do
            rm -f "$PREFIX/$file"
            # Only folders that are empty now.
            (cd "$PREFIX" && rmdir -p "${file%/*}" 2>/dev/null) || true
        done
        echo "removed from $PREFIX"
        ;;
    *)
        echo "usage: [PREFIX=FOLDER] ./install.sh [--uninstall]" >&2
        exit 2
        ;;
esac
