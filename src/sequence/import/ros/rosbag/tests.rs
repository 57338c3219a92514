#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use super::*;

fn with_length(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_le_bytes(), bytes].concat()
}

fn header(fields: &[(&str, &[u8])]) -> Vec<u8> {
    let each =
        fields.iter().map(|(name, value)| with_length(&[name.as_bytes(), b"=", value].concat()));
    each.flatten().collect()
}

fn record(fields: &[(&str, &[u8])], data: &[u8]) -> Vec<u8> {
    [with_length(&header(fields)), with_length(data)].concat()
}

/// A bag of one topic with nine messages, three a chunk, and the position of its second chunk.
fn bag(compression: &str, pack: impl Fn(&[u8]) -> Vec<u8>) -> (Vec<u8>, usize) {
    let one = 1_u32.to_le_bytes();
    let described = header(&[("topic", b"/exposure"), ("type", b"std_msgs/Int32")]);
    let fields: [(&str, &[u8]); 3] =
        [("op", &[CONNECTION]), ("conn", &one), ("topic", b"/exposure")];
    let connection = record(&fields, &described);
    let (mut bytes, mut second) = (MAGIC.to_vec(), 0);
    bytes.extend(record(&[("op", &[3]), ("index_pos", &[0; 8])], &[b' '; 50]));
    for chunk in 0..3_u8 {
        let mut inner = if chunk == 0 { connection.clone() } else { Vec::new() };
        for number in 3 * chunk..3 * chunk + 3 {
            let fields: [(&str, &[u8]); 3] =
                [("op", &[MESSAGE]), ("conn", &one), ("time", &[0; 8])];
            inner.extend(record(&fields, &[number; 40]));
        }
        if chunk == 1 {
            second = bytes.len();
        }
        let size = (inner.len() as u32).to_le_bytes();
        let fields: [(&str, &[u8]); 3] =
            [("op", &[CHUNK]), ("compression", compression.as_bytes()), ("size", &size)];
        bytes.extend(record(&fields, &pack(&inner)));
        bytes.extend(record(&[("op", &[4]), ("conn", &one)], &[0; 12]));
    }
    bytes.extend(connection);
    (bytes, second)
}

fn messages(path: &Path) -> Result<(Vec<Vec<u8>>, Option<String>), String> {
    let mut bag = Bag::open(path).map_err(|e| e.to_string())?;
    let mut found = Vec::new();
    let remark = bag.scan(&mut |topic, place, bytes| {
        assert_eq!((topic.name.as_str(), topic.kind.as_str()), ("/exposure", "std_msgs/Int32"));
        found.push((place, bytes.to_vec()));
        Ok(())
    });
    let remark = remark.map_err(|e| e.to_string())?;
    let each = found.into_iter().map(|(place, bytes)| {
        assert_eq!(bag.message(place).unwrap(), bytes, "read again at its place");
        bytes
    });
    Ok((each.collect(), remark))
}

#[test]
fn messages_are_found_in_chunks_of_every_compression() {
    use std::io::Write;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bag");
    let bz2 = |bytes: &[u8]| {
        let mut packed = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    };
    let lz4 = |bytes: &[u8]| {
        let mut packed = lz4_flex::frame::FrameEncoder::new(Vec::new());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    };
    for (bytes, second) in [bag("none", <[u8]>::to_vec), bag("bz2", bz2), bag("lz4", lz4)] {
        std::fs::write(&path, &bytes).unwrap();
        let wanted: Vec<Vec<u8>> = (0..9).map(|n| vec![n; 40]).collect();
        assert_eq!(messages(&path).unwrap(), (wanted.clone(), None));
        // Cut off within the second chunk.
        std::fs::write(&path, bytes.get(..second + 60).unwrap()).unwrap();
        let (found, remark) = messages(&path).unwrap();
        assert_eq!(Some(found.as_slice()), wanted.get(..3));
        assert!(remark.unwrap().contains("cut off"));
    }
    // Zeros at the end, as of a download that did not finish.
    let (bytes, _) = bag("none", <[u8]>::to_vec);
    std::fs::write(&path, [bytes.as_slice(), &[0; 1000]].concat()).unwrap();
    let (found, remark) = messages(&path).unwrap();
    assert!(found.len() == 9 && remark.unwrap().contains("its last 1000 bytes"));
    let (bytes, _) = bag("xz", <[u8]>::to_vec);
    std::fs::write(&path, bytes).unwrap();
    assert!(messages(&path).unwrap_err().contains("compressed by xz"));
    // Chunks that unpack to another size than is stated.
    let (bytes, _) = bag("bz2", |inner| bz2(inner.get(1..).unwrap()));
    std::fs::write(&path, bytes).unwrap();
    let (found, remark) = messages(&path).unwrap();
    assert!(found.is_empty() && remark.unwrap().contains("3 damaged parts"));
    // A damaged chunk: the others are read.
    let (mut bytes, second) = bag("bz2", bz2);
    let inside = second + 90;
    bytes.get_mut(inside..inside + 8).unwrap().fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let (found, remark) = messages(&path).unwrap();
    assert_eq!(found.len(), 6);
    let remark = remark.unwrap();
    assert!(
        remark.contains("1 damaged parts") && remark.contains("cannot be unpacked"),
        "{remark}"
    );
}
