//! What the program is linked with.

#![cfg(target_os = "linux")]

use std::process::Command;

/// What every program on Linux is linked with, as the names begin; musl's C library is also its loader.
const SYSTEM: [&str; 8] =
    ["linux-vdso", "linux-gate", "libc.", "libm.", "libgcc_s.", "libdl.", "libpthread.", "librt."];
/// The loaders of glibc and musl, as their files begin.
const LOADERS: [&str; 2] = ["ld-linux", "ld-musl"];
/// The output of `ldd` for a static program, as those for musl are by default.
const STATIC: [&str; 3] =
    ["statically linked", "not a dynamic executable", "Not a valid dynamic program"];

/// The libraries in what `ldd` has printed that not every program is linked with.
fn others(ldd: &str) -> Vec<&str> {
    if STATIC.iter().any(|words| ldd.contains(words)) {
        return Vec::new();
    }
    let is_other = |path: &&str| {
        let name = path.rsplit('/').next().unwrap_or(path);
        !SYSTEM.iter().chain(&LOADERS).any(|known| name.starts_with(known))
    };
    ldd.lines().filter_map(|line| line.split_whitespace().next()).filter(is_other).collect()
}

/// Libraries of cameras and graphics are loaded when they are needed: one program serves every
/// system.
#[test]
fn the_program_is_linked_with_the_c_library_only() {
    let Ok(output) = Command::new("ldd").arg(env!("CARGO_BIN_EXE_gem-live")).output() else {
        println!("skipped: no ldd here");
        return;
    };
    let text = [output.stdout, output.stderr].map(|b| String::from_utf8_lossy(&b).into_owned());
    let text = text.concat();
    let is_static = STATIC.iter().any(|words| text.contains(words));
    assert!(text.contains("libc.") || is_static, "{text}");
    assert_eq!(others(&text), [""; 0], "{text}");
}

#[test]
fn other_libraries_are_found_in_the_lists_of_glibc_and_musl() {
    let glibc = "\tlinux-vdso.so.1 (0x00007ffd)\n\tlibusb-1.0.so.0 => /lib/libusb-1.0.so.0 (0x1)\n\
                 \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x2)\n\
                 \t/lib64/ld-linux-x86-64.so.2 (0x3)\n";
    assert_eq!(others(glibc), ["libusb-1.0.so.0"]);
    let musl = "\t/lib/ld-musl-x86_64.so.1 (0x7f00)\n\tlibgcc_s.so.1 => /usr/lib/libgcc_s.so.1\n\
                \tlibcaer.so.1 => /usr/lib/libcaer.so.1 (0x1)\n\
                \tlibc.musl-x86_64.so.1 => /lib/ld-musl-x86_64.so.1 (0x7f00)\n";
    assert_eq!(others(musl), ["libcaer.so.1"]);
    let linked_with_nothing = "/lib/ld-musl-x86_64.so.1: gem-live: Not a valid dynamic program\n";
    assert_eq!(others(linked_with_nothing), [""; 0]);
    assert_eq!(others("\tstatically linked\n"), [""; 0]);
}
