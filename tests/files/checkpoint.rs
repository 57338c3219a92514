//! Checkpoints that this program writes: read back byte by byte, and converted by the program.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers too")]

use gem_live::event::EventInput;
use gem_live::formats::pickle::{Node, load};
use gem_live::network::{Weights, parameters};
use std::collections::BTreeSet;
use std::io::{Cursor, Read};
use std::process::Command;

type Zip = zip::ZipArchive<Cursor<Vec<u8>>>;

fn entry(zip: &mut Zip, name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    zip.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_checkpoint_round_trip_is_bit_exact() {
    let weights = Weights::embedded().unwrap();
    let back = Weights::from_bytes(&weights.to_checkpoint(false).unwrap()).unwrap();
    assert!(weights.iter().eq(back.iter()), "single precision changed the weights");
    // The built-in weights are representable in half precision.
    let bytes = weights.to_checkpoint(true).unwrap();
    assert!(weights.iter().eq(Weights::from_bytes(&bytes).unwrap().iter()), "half precision did");
    assert!(bytes.len() < 2 * 2_500_000, "{} bytes", bytes.len());
}

#[test]
fn the_archive_has_the_layout_of_pytorch() {
    let bytes = Weights::embedded().unwrap().to_checkpoint(false).unwrap();
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    assert_eq!(entry(&mut zip, "san/version"), b"3\n");
    assert_eq!(entry(&mut zip, "san/byteorder"), b"little");
    for i in 0..zip.len() {
        let file = zip.by_index(i).unwrap();
        assert_eq!(file.compression(), zip::CompressionMethod::Stored, "{}", file.name().unwrap());
        let start = file.data_start().unwrap();
        assert_eq!(start % 64, 0, "{} starts at {start}", file.name().unwrap());
    }
    let pickle = entry(&mut zip, "san/data.pkl");
    assert!(pickle.starts_with(&[0x80, 2]) && pickle.ends_with(b"."));
    // Only names that torch.load(weights_only=True) accepts.
    let text = String::from_utf8_lossy(&pickle).into_owned();
    let names: BTreeSet<&str> =
        ["collections\nOrderedDict", "torch._utils\n_rebuild_tensor_v2", "torch\nFloatStorage"]
            .into();
    for name in &names {
        assert!(text.contains(&format!("c{name}\n")), "{name}");
    }
    let pickle = load(&pickle).unwrap();
    let state = pickle.get(pickle.root(), "state_dict").unwrap();
    let expected: Vec<String> = ["model", "teacher_model"]
        .iter()
        .flat_map(|m| {
            parameters(EventInput::Prior).into_iter().map(move |(n, _)| format!("{m}.{n}"))
        })
        .collect();
    let found: Vec<String> = (pickle.entries(state).iter())
        .map(|(key, _)| match pickle.node(*key) {
            Node::Str(name) => (*name).to_owned(),
            other => panic!("{other:?} is not a name"),
        })
        .collect();
    assert_eq!(found, expected);
    // One storage per parameter, of its length, shared by student and teacher.
    for (key, (name, shape)) in parameters(EventInput::Prior).iter().enumerate() {
        let length = entry(&mut zip, &format!("san/data/{key}")).len();
        assert_eq!(length, 4 * shape.iter().product::<usize>(), "{name}");
    }
    assert!(zip.by_name(&format!("san/data/{}", parameters(EventInput::Prior).len())).is_err());
}

#[test]
fn the_program_converts_in_both_directions() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let weights = Weights::embedded().unwrap();
    std::fs::write(path("a.safetensors"), weights.to_safetensors(false).unwrap()).unwrap();
    let run = |from: &str, to: &str| {
        let status = Command::new(env!("CARGO_BIN_EXE_gem-live"))
            .arg("export-weights")
            .args([path(from), path(to)])
            .status();
        assert!(status.unwrap().success(), "{from} to {to}");
    };
    run("a.safetensors", "b.ckpt");
    run("b.ckpt", "c.safetensors");
    assert!(std::fs::read(path("b.ckpt")).unwrap().starts_with(b"PK"));
    assert_eq!(
        std::fs::read(path("a.safetensors")).unwrap(),
        std::fs::read(path("c.safetensors")).unwrap()
    );
}
