//! What the program is linked with.

#![cfg(target_os = "linux")]

use std::process::Command;

/// What every program on Linux is linked with, as the names begin.
const SYSTEM: [&str; 8] =
    ["linux-vdso", "linux-gate", "libc.", "libm.", "libgcc_s.", "libdl.", "libpthread.", "librt."];

/// Libraries of cameras and graphics are loaded when they are needed: one program serves every
/// system.
#[test]
fn the_program_is_linked_with_the_c_library_only() {
    let Ok(output) = Command::new("ldd").arg(env!("CARGO_BIN_EXE_gem-live")).output() else {
        println!("skipped: no ldd here");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("libc."), "{text}");
    let names = text.lines().filter_map(|line| line.split_whitespace().next());
    let is_other = |name: &&str| {
        !name.contains("/ld-linux") && !SYSTEM.iter().any(|known| name.starts_with(known))
    };
    assert_eq!(names.filter(is_other).collect::<Vec<_>>(), [""; 0]);
}
