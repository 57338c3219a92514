//! Names in a journal, the lock of a folder, and the configuration.

use super::*;
use crate::formats::config::Config;

#[test]
fn names_that_lead_out_of_the_folder_are_not_opened() {
    for name in ["train/a_00001.npz", "test/stills 1.npz"] {
        assert!(is_own_name(name), "{name}");
    }
    let others =
        ["/etc/a.npz", "../a.npz", "train/../../a.npz", "a.npz", "train/", "test/..\\a.npz"];
    for name in others {
        assert!(!is_own_name(name), "{name}");
    }
}

#[test]
fn a_folder_has_one_writer() {
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("set");
    let open = || DatasetWriter::open(&set, serde_json::json!({"recipe": "none"}));
    let first = open().unwrap();
    let error = open().err().unwrap().to_string();
    assert!(error.contains("another gem-live writes into this folder"), "{error}");
    assert_eq!(first.finish(1.0).unwrap().recordings, 0);
    assert!(!set.exists());
    assert_eq!(open().unwrap().abandon().recordings, 0);
    assert!(!set.exists());
    drop(open().unwrap());
    assert!(open().is_ok());
}

#[test]
fn the_configuration_parses_without_remarks() {
    let folder = Path::new("data: \"quoted\" #1/set");
    for (truth, at) in [(true, None), (false, Some(0.5))] {
        let text = yaml(folder, 4.0, (64, 48), truth, false);
        let (config, remarks) = Config::parse(&text).unwrap();
        assert_eq!(config.root_path, folder);
        assert_eq!((config.scale_factor, config.has_gt, config.predict_ts), (4.0, truth, at));
        assert_eq!((config.roi_size, config.train), (vec![64, 48], false));
        assert!(remarks.warnings.is_empty(), "{remarks:?}");
    }
}
