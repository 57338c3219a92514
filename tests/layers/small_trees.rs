//! The rules, tried on trees of a few files.

#![allow(clippy::indexing_slicing, reason = "a test may fail by panicking")]

use crate::rules::violations;

fn violations_in(files: &[(&str, &str)]) -> Vec<String> {
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    violations(&files.collect())
}

#[test]
fn an_import_of_a_higher_layer_is_found_in_every_spelling_and_through_re_exports() {
    let rig = ("src/rig/mod.rs", "mod thread;\npub use thread::Rig;\n");
    let thread = ("src/rig/thread.rs", "pub struct Rig;\n");
    for text in [
        "use crate::rig::Rig;",
        "use crate::{time, rig::{self, Rig as R}};",
        "fn f() { let _ = crate::rig::Rig; }",
        "mod inner { use super::super::super::rig::Rig; }",
        "#[cfg(test)]\nmod tests { use crate::rig::Rig; }",
    ] {
        let found = violations_in(&[
            rig,
            thread,
            ("src/camera/mod.rs", "mod a;"),
            ("src/camera/a.rs", text),
        ]);
        assert!(found.iter().any(|f| f.starts_with("src/camera/a.rs:")), "{text}: {found:?}");
    }
    for text in [
        "// use crate::rig::Rig;",
        "const S: &str = \"use crate::rig::Rig;\";",
        "const S: &str = r#\"crate::rig::\"Rig\"#; const C: char = '\"';",
        "use crate::time::Clock;",
    ] {
        let found = violations_in(&[rig, thread, ("src/camera/mod.rs", text), ("src/time.rs", "")]);
        assert_eq!(found, Vec::<String>::new(), "{text}");
    }
    assert_eq!(
        violations_in(&[("src/new/mod.rs", "")]),
        ["src/new/mod.rs: its module is in no layer"]
    );
}

#[test]
fn a_cycle_of_files_is_found_but_a_re_export_is_none() {
    let a = ("src/rig/a.rs", "use super::b::B;\npub struct A(B);\n");
    let plain = ("src/rig/b.rs", "pub struct B;\n");
    let parent = ("src/rig/mod.rs", "mod a;\nmod b;\npub use a::A;\npub use b::B;\n");
    assert_eq!(violations_in(&[a, plain, parent]), Vec::<String>::new());
    // Through the parent's re-export it is the same cycle.
    for back in ["use super::A;\npub struct B;", "pub struct B;\nfn f(_: super::a::A) {}"] {
        let found = violations_in(&[a, ("src/rig/b.rs", back), parent]);
        assert_eq!(found.len(), 2, "{back}: {found:?}");
        assert!(found[0].starts_with("src/rig/a.rs:1: src/rig/b.rs leads back"), "{found:?}");
    }
    // A parent that defines what its child uses, and uses the child.
    let used = ("src/rig/mod.rs", "mod a;\nmod b;\nuse a::A;\npub struct B;\n");
    let child = ("src/rig/a.rs", "use super::B;\npub struct A;\n");
    assert_eq!(violations_in(&[used, child, plain]).len(), 2);
    // Tests may do so.
    let test =
        ("src/rig/b.rs", "pub struct B;\n#[cfg(test)]\nmod tests { use super::super::A; }\n");
    assert_eq!(violations_in(&[a, test, parent]), Vec::<String>::new());
}

#[test]
fn a_panel_and_the_window_cannot_know_each_other() {
    let panels = ("src/gui/panels/mod.rs", "pub mod camera_panel;\n");
    let plain = ("src/gui/panels/camera_panel.rs", "pub struct CameraPanel;\n");
    let app = ("src/gui/app.rs", "use super::panels::camera_panel::CameraPanel;\npub struct App;");
    assert_eq!(violations_in(&[panels, plain, app]), Vec::<String>::new());
    let knows = "use crate::gui::app::App;\npub struct CameraPanel;\nfn show(_: &mut App) {}";
    let found = violations_in(&[panels, ("src/gui/panels/camera_panel.rs", knows), app]);
    assert_eq!(found.len(), 2, "{found:?}");
    // The same, hidden behind a method.
    for methods in [
        "use super::app::App;\nimpl App {\n}",
        "pub struct A;\nimpl super::app::App {\n}",
        "use super::app;\nimpl<'a, T: Fn(u8) -> u8> app::App<T> where T: Copy {\n}",
    ] {
        let found = violations_in(&[("src/gui/actions.rs", methods), app, panels, plain]);
        assert_eq!(found.len(), 1, "{methods}: {found:?}");
        assert!(found[0].ends_with("belong to src/gui/app.rs"), "{found:?}");
    }
    for fine in [
        "use super::app::App;\nimpl Drop for App {\n}",
        "pub struct A<T>(T);\nimpl<T> A<T> {\n fn f() -> impl Iterator<Item = T> {} \n}",
        "use super::app::App;\nfn f() -> impl App {}",
    ] {
        let found = violations_in(&[("src/gui/actions.rs", fine), app, panels, plain]);
        assert_eq!(found, Vec::<String>::new(), "{fine}");
    }
}
