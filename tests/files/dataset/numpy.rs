//! Recordings read and written by numpy.

use super::*;

/// Runs `script` with the given numpy version, which is installed if it is missing.
fn with_numpy(version: &str, script: &str, folder: &Path) -> std::process::Output {
    let environment = std::env::temp_dir().join(format!("gem-live-numpy-{version}"));
    let python = environment.join("bin/python");
    let ready = || {
        let check = std::process::Command::new(&python).args(["-c", "import numpy"]).output();
        check.is_ok_and(|o| o.status.success())
    };
    if !ready() {
        let run = |program: &Path, args: &[&str]| {
            std::process::Command::new(program)
                .args(args)
                .output()
                .is_ok_and(|o| o.status.success())
        };
        let made = run(Path::new("python3"), &["-m", "venv", &environment.to_string_lossy()])
            && run(&python, &["-m", "pip", "install", "-q", &format!("numpy=={version}.*")]);
        assert!(made, "no Python with numpy {version} could be made");
    }
    std::process::Command::new(&python).args(["-c", script]).current_dir(folder).output().unwrap()
}

#[test]
#[ignore = "installs two versions of numpy"]
fn tools_numpy_1_and_2_read_what_is_written_and_write_what_is_read() {
    const SCRIPT: &str = r#"
import numpy as np, pickle, io, zipfile
d = np.load("ours.npz", allow_pickle=True)
e = d["events"].item()
assert d["blur1"].shape == (3, 16, 32) and d["blur1"].dtype == np.uint8
assert int(d["exp_end2"]) == 3500 and int(d["scale_factor"]) == 2
assert e["t"][0] == 1000 and e["t"].dtype == np.int64 and len(e["x"]) == 500
assert set(e["p"].tolist()) == {-1, 1} and e["x"].max() == 15
assert d["sharp_imgs"].shape == (2, 3, 16, 32) and d["sharp_timestamps"].tolist() == [1200, 3000]
fields = {k: d[k] for k in d.files if k != "events"}
np.savez("plain.npz", events=e, **fields)
np.savez_compressed("packed.npz", events=e, **fields)
float_events = {k: v.astype(np.float64) for k, v in e.items()}
np.savez("floats.npz", events=float_events, **fields)
np.savez("wide.npz", events=dict(e, p=(e["p"] > 0), x=e["x"].astype(">i4")), **fields)
for protocol in (2, 3, 4, 5):
    with zipfile.ZipFile("plain.npz") as src, zipfile.ZipFile(f"protocol{protocol}.npz", "w") as out:
        for name in src.namelist():
            data = src.read(name)
            if name == "events.npy":
                head = io.BytesIO()
                np.lib.format.write_array_header_1_0(head, {"descr": "|O", "fortran_order": False, "shape": ()})
                data = head.getvalue() + pickle.dumps(np.array(e, dtype=object), protocol=protocol)
            out.writestr(name, data)
"#;
    for version in ["1.26", "2.2"] {
        let folder = tempfile::tempdir().unwrap();
        sample().write(&folder.path().join("ours.npz")).unwrap();
        let output = with_numpy(version, SCRIPT, folder.path());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "numpy {version}: {stderr}");
        let mut read: Vec<PathBuf> =
            std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().path()).collect();
        read.sort();
        assert_eq!(read.len(), 9, "{read:?}");
        for path in read {
            let pair = Pair::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            assert_eq!(pair, sample(), "numpy {version}, {}", path.display());
        }
    }
}
