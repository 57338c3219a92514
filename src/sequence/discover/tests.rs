#![allow(clippy::arithmetic_side_effects, reason = "a test may fail by panicking")]

use super::*;

#[cfg(unix)]
#[test]
fn a_cycle_of_links_ends_and_lists_every_file_once() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("a")).unwrap();
    std::fs::write(folder.path().join("a/x.npz"), b"").unwrap();
    std::os::unix::fs::symlink(folder.path(), folder.path().join("a/back")).unwrap();
    let found = find_npz_files(&[folder.path().to_owned()]);
    assert_eq!(found.len(), 1);
    assert!(found[0].as_ref().unwrap().ends_with("a/x.npz"));
}

#[cfg(target_os = "linux")]
#[test]
fn folders_of_the_system_are_refused_and_links_to_outer_folders_are_not_followed() {
    let error = find_npz_files(&["/proc".into()]).remove(0).unwrap_err();
    assert!(matches!(error, FindError::System(_)), "{error}");
    assert!(error.to_string().starts_with("/proc: a folder of the system"), "{error}");
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("recording");
    std::fs::create_dir_all(&folder).unwrap();
    for path in [outer.path().join("other.npz"), folder.join("x.npz")] {
        std::fs::write(path, b"").unwrap();
    }
    for (link, to) in
        [("outer", outer.path()), ("root", Path::new("/")), ("sys", Path::new("/sys"))]
    {
        std::os::unix::fs::symlink(to, folder.join(link)).unwrap();
    }
    let found = find_npz_files(std::slice::from_ref(&folder));
    let found: Vec<PathBuf> = found.into_iter().map(Result::unwrap).collect();
    assert_eq!(found, [folder.join("x.npz")]);
    // A link to a folder elsewhere, such as one of another disk, is followed.
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(elsewhere.path().join("y.npz"), b"").unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), folder.join("disk")).unwrap();
    assert_eq!(find_npz_files(&[folder]).len(), 2);
}

#[test]
fn a_tree_of_other_files_is_searched_up_to_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let search = |max_others| {
        let mut search = Search::new(max_others);
        search.folder(folder.path());
        search.found
    };
    for name in ["a", "b"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
        for file in ["0.txt", "1.txt", "x.npz", "y.npz", "z.npz"] {
            std::fs::write(folder.path().join(name).join(file), b"").unwrap();
        }
    }
    // Two folders and four texts.
    assert_eq!(search(6).iter().filter(|found| found.is_ok()).count(), 6);
    let found = search(5);
    assert!(matches!(found.as_slice(), [Err(FindError::Large(path))] if path == folder.path()));
    let text = found[0].as_ref().unwrap_err().to_string();
    assert!(text.contains("name the folder of the recording") && !text.contains('\n'), "{text}");
}

#[cfg(unix)]
#[test]
fn companion_files_and_dead_links_are_ignored_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["a.npz", "b.NPZ", "._a.npz", "session.json", "notes.txt"] {
        std::fs::write(at(name), b"").unwrap();
    }
    std::os::unix::fs::symlink("/nonexistent/gone.npz", at("gone.npz")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", at("zero.npz")).unwrap();
    let (found, ignored) = find_npz_files_counted(&[folder.path().to_owned()]);
    let found: Vec<PathBuf> = found.into_iter().map(Result::unwrap).collect();
    assert_eq!(found, [at("a.npz"), at("b.NPZ")]);
    assert_eq!(ignored, IgnoredFiles { hidden: 1, dead_links: 1, special: 1 });
    assert!(ignored.to_string().starts_with("3 npz files ignored: 1 hidden"));
    assert_eq!(recordings_in(folder.path()).unwrap().1, ignored);
    // Named by the user, it is an error when it is read.
    assert!(find_npz_files(&[at("gone.npz")])[0].is_ok());
}

#[test]
fn a_folder_of_other_files_names_the_command_for_them() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("frame_0.png"), b"").unwrap();
    let error = find_npz_files(&[folder.path().to_owned()]).remove(0).unwrap_err().to_string();
    assert!(error.contains("no npz files; gem-live import"), "{error}");
    std::fs::write(folder.path().join("a_0.db3"), b"").unwrap();
    assert!(folder_advice(folder.path()).unwrap().contains("ros2 bag convert"));
    std::fs::write(folder.path().join("a.aedat4"), b"").unwrap();
    assert!(folder_advice(folder.path()).unwrap().contains("gem-live record --source"));
    assert_eq!(folder_advice(&folder.path().join("none")), None);
}

#[test]
fn a_missing_part_of_a_dataset_names_the_command_that_makes_one() {
    let folder = tempfile::tempdir().unwrap();
    let part = folder.path().join("train");
    let check = |wanted: &[&str]| {
        let why = missing_part(&part);
        assert!(why.contains("train: not found; "), "{why}");
        assert!(wanted.iter().all(|text| why.contains(text)) && !why.contains('\n'), "{why}");
    };
    check(&["gem-live export"]);
    std::fs::write(folder.path().join("frame_0.png"), b"").unwrap();
    check(&["gem-live import FOLDER", "--into split"]);
    std::fs::write(folder.path().join("a.aedat4"), b"#!AER-DAT4.0\r\n").unwrap();
    check(&["AEDAT 4", "gem-live record --source replay:FILE --out", "gem-live export"]);
    std::fs::write(folder.path().join("a.npz"), b"PK\x03\x04").unwrap();
    check(&["gem-live export FOLDER --out DATASET", "the recordings in it"]);
    // Files in place of the folder, and nothing at all.
    let why = missing_part(&folder.path().join("a.aedat4/train"));
    assert!(why.contains("a.aedat4: it is an AEDAT 4 recording"), "{why}");
    assert!(why.contains("gem-live record") && why.contains("gem-live export"), "{why}");
    let why = missing_part(&folder.path().join("a.npz/train"));
    assert!(why.contains("a.npz: a dataset is a folder: gem-live export"), "{why}");
    for nothing in ["none/train", "recording"] {
        let why = missing_part(&folder.path().join(nothing));
        assert!(why.ends_with(&format!("{nothing}: not found")), "{why}");
    }
}

#[test]
fn numbers_in_names_sort_by_value() {
    let mut names = ["img10", "img2", "b1", "img2b", "img"];
    names.sort_by_cached_key(|n| natural_key(n));
    assert_eq!(names, ["b1", "img", "img2", "img2b", "img10"]);
}
