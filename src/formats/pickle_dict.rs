//! The events of a recording: a Python dictionary of arrays, pickled by numpy.

use super::npy::{Array, Values, decode};
use crate::formats::pickle::{Dialect, Id, Node, Pickle, PickleError, load};

/// Reads the arrays under `keys` from the dictionary in the pickle of a one-element object array.
/// Other entries are ignored.
///
/// # Errors
/// Fails if the pickle is damaged or contains more than data.
pub(crate) fn read_dict(bytes: &[u8], keys: &[&str]) -> Result<Vec<(String, Array)>, PickleError> {
    let pickle = load(bytes, Dialect::Numpy)?;
    let damaged = |what| PickleError::Damaged(0, what);
    let mut id = pickle.root();
    // Unwrap the array, and lists around its only element.
    for _ in 0..8 {
        id = match pickle.node(id) {
            Node::Dict(_) => break,
            Node::List(_) | Node::Tuple(_) => match pickle.parts(id) {
                [only] => *only,
                _ => return Err(damaged("the object is not a single dictionary")),
            },
            _ => objects(&pickle, id).ok_or(damaged("the object is not a dictionary"))?,
        };
    }
    let mut out = Vec::new();
    for key in keys {
        if let Some(value) = pickle.get(id, key) {
            let array = array(&pickle, value).ok_or(damaged("an entry is not an array"))?;
            out.push(((*key).to_owned(), array));
        }
    }
    Ok(out)
}

/// The pickled state of an array: version, shape, type, order, contents.
fn state(pickle: &Pickle, id: Id) -> Option<&[Id]> {
    let (_, name, _, state) = pickle.call(id)?;
    (name == "_reconstruct").then(|| pickle.parts(state.unwrap_or(usize::MAX)))
}

/// The list of objects in an object array.
fn objects(pickle: &Pickle, id: Id) -> Option<Id> {
    match state(pickle, id)? {
        [_, _, _, _, list] => Some(*list),
        _ => None,
    }
}

/// A numeric array, pickled as an array, a scalar, or a Python list.
fn array(pickle: &Pickle, id: Id) -> Option<Array> {
    if let Some([_, shape, dtype, fortran, contents]) = state(pickle, id) {
        let fortran = *pickle.node(*fortran) == Node::Bool(true);
        return numbers(pickle, *shape, *dtype, fortran, *contents);
    }
    if let Some((_, name, args, _)) = pickle.call(id) {
        return match (name, args) {
            ("_frombuffer", [contents, dtype, shape, order]) => {
                let fortran = matches!(pickle.node(*order), Node::Str(o) if o == "F");
                numbers(pickle, *shape, *dtype, fortran, *contents)
            }
            ("scalar", [dtype, contents]) => {
                decode(&descr(pickle, *dtype)?, false, Vec::new(), &bytes(pickle, *contents)?).ok()
            }
            _ => None,
        };
    }
    let values = (pickle.parts(id).iter())
        .map(|p| match pickle.node(*p) {
            Node::Int(i) => Some(*i as f64),
            Node::Float(f) => Some(*f),
            Node::Bool(b) => Some(f64::from(u8::from(*b))),
            _ => None,
        })
        .collect::<Option<Vec<f64>>>()?;
    let list = matches!(pickle.node(id), Node::List(_) | Node::Tuple(_));
    list.then(|| Array { shape: vec![values.len()], values: Values::Floats(values) })
}

fn numbers(pickle: &Pickle, shape: Id, dtype: Id, fortran: bool, contents: Id) -> Option<Array> {
    let shape = match pickle.node(shape) {
        Node::Int(_) => vec![pickle.index(shape)?],
        _ => pickle.parts(shape).iter().map(|p| pickle.index(*p)).collect::<Option<Vec<_>>>()?,
    };
    decode(&descr(pickle, dtype)?, fortran, shape, &bytes(pickle, contents)?).ok()
}

/// The dtype string with its byte order, such as `<i8`.
fn descr(pickle: &Pickle, id: Id) -> Option<String> {
    let (_, name, args, state) = pickle.call(id)?;
    let Node::Str(kind) = pickle.node(*args.first()?) else { return None };
    let order = match state.and_then(|s| pickle.parts(s).get(1)).map(|o| pickle.node(*o)) {
        Some(Node::Str(order)) => order.as_str(),
        _ => "<",
    };
    (name == "dtype").then(|| format!("{order}{kind}"))
}

/// Bytes, also in the form of protocol 2: Latin-1 text to be encoded.
fn bytes(pickle: &Pickle, id: Id) -> Option<Vec<u8>> {
    if let Node::Bytes(b) = pickle.node(id) {
        return Some(b.clone());
    }
    let (_, name, args, _) = pickle.call(id)?;
    let Node::Str(text) = pickle.node(*args.first()?) else { return None };
    let latin = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect::<Option<_>>();
    if name == "encode" { latin } else { None }
}

/// An array of a dictionary: name, dtype such as `<i8`, length, and a function that appends its
/// bytes.
pub(crate) type Column<'a> = (&'a str, &'a str, usize, &'a dyn Fn(&mut Vec<u8>));

/// Appends the pickle (protocol 3, read by every numpy since 1.7 and Python since 3.0) of a 0-d
/// object array with a dictionary of one-dimensional arrays.
pub(crate) fn write_dict(out: &mut Vec<u8>, columns: &[Column<'_>]) {
    out.extend([0x80, 3]);
    // numpy 2 still accepts the module's old name; numpy 1 knows only that one.
    array_start(out, |out| out.push(b')'));
    dtype(out, "|O8");
    out.extend(b"\x89]}(");
    for (name, descr, count, data) in columns {
        text(out, name);
        array_start(out, |out| {
            int(out, *count);
            out.push(0x85);
        });
        dtype(out, descr);
        out.extend(b"\x89B");
        let length_at = out.len();
        out.extend([0; 4]);
        data(out);
        let length = (out.len() - length_at - 4) as u32;
        if let Some(field) = out.get_mut(length_at..length_at + 4) {
            field.copy_from_slice(&length.to_le_bytes());
        }
        out.extend(b"tb");
    }
    out.extend(b"uatb.");
}

/// `_reconstruct(ndarray, (0,), b'b')` and the start of its state: (1, shape, …
fn array_start(out: &mut Vec<u8>, shape: impl FnOnce(&mut Vec<u8>)) {
    out.extend(
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R(K\x01",
    );
    shape(out);
}

fn dtype(out: &mut Vec<u8>, descr: &str) {
    let (order, kind) = descr.split_at(1);
    out.extend(b"cnumpy\ndtype\n");
    text(out, kind);
    out.extend(b"\x89\x88\x87R(K\x03");
    text(out, order);
    out.extend(b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff");
    out.extend(if kind.starts_with('O') { b"K\x3f" } else { b"K\x00" });
    out.extend(b"tb");
}

fn text(out: &mut Vec<u8>, s: &str) {
    out.push(b'X');
    out.extend((s.len() as u32).to_le_bytes());
    out.extend(s.as_bytes());
}

fn int(out: &mut Vec<u8>, n: usize) {
    // A signed integer; the length of an array in memory stays positive.
    out.extend([0x8a, 8]);
    out.extend((n as u64).to_le_bytes());
}
