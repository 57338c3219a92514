//! Compares the functions' types with the headers of Aravis, where they are installed.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use super::Functions;
use std::fmt::Write as _;
use std::process::Command;

/// A Rust type as C writes it; enumerations are passed as `int`s of the same size.
fn in_c(rust: &str) -> String {
    let rust = rust.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some(rest) = rust.strip_prefix("*mut ").or_else(|| rust.strip_prefix("* mut ")) {
        return format!("{} *", in_c(rest));
    }
    match rust.as_str() {
        "" => "void",
        "Text" => "const char *",
        "Error" => "GError **",
        "Flag" | "c_int" => "int",
        "c_uint" | "u32" => "unsigned int",
        "i64" => "gint64",
        "u64" => "guint64",
        "usize" => "gsize",
        "f64" => "double",
        "c_void" => "void",
        "StreamCallback" => "ArvStreamCallback",
        "*const c_void" | "* const c_void" => "const void *",
        "Option<Handler>" | "Option < Handler >" => "GCallback",
        "Option<Release>" | "Option < Release >" => "GClosureNotify",
        other => other,
    }
    .to_owned()
}

#[test]
fn functions_have_the_types_of_the_headers() {
    let flags = Command::new("pkg-config").args(["--cflags", "aravis-0.8"]).output();
    let Some(flags) = flags.ok().filter(|o| o.status.success()) else {
        println!("skipped: no headers of Aravis here (libaravis-dev, pkg-config)");
        return;
    };
    let flags = String::from_utf8(flags.stdout).unwrap();
    // Each function is called with values of the Rust types, and its result is assigned to one. An
    // argument or result of another size or kind is an error.
    let mut source = String::from("#include <arv.h>\n");
    for (name, result, arguments) in Functions::PROTOTYPES {
        let result = in_c(result);
        let list: Vec<String> = arguments.iter().map(|a| in_c(a)).collect();
        let list = if list.is_empty() { "void".to_owned() } else { list.join(", ") };
        writeln!(source, "{result} (*check_{name})({list}) = {name};").unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prototypes.c");
    std::fs::write(&file, source).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-fsyntax-only", "-Werror=incompatible-pointer-types"]);
    compiler.args(["-Wno-deprecated-declarations"]).args(flags.split_whitespace()).arg(&file);
    let Ok(output) = compiler.output() else {
        println!("skipped: no C compiler here");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
