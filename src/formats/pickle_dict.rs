//! The events of a recording: a Python dictionary of arrays, pickled by numpy.

#![warn(clippy::arithmetic_side_effects, reason = "numbers read from files must not overflow")]

use super::npy::View;
use crate::formats::limits::MAX_NESTING;
use crate::formats::pickle::{Id, Node, Pickle, PickleError, load};
use std::borrow::Cow;

/// A column of numbers.
#[derive(Clone, Debug)]
pub(crate) enum Column<'a> {
    /// A numpy array, whose elements are converted one by one.
    Array(View<'a>),
    /// A Python list.
    List(Vec<f64>),
}

impl Column<'_> {
    /// Number of elements.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Array(view) => view.count(),
            Self::List(list) => list.len(),
        }
    }

    /// An element; NaN beyond the end.
    pub(crate) fn float(&self, index: usize) -> f64 {
        match self {
            Self::Array(view) => view.float(index),
            Self::List(list) => list.get(index).copied().unwrap_or(f64::NAN),
        }
    }

    /// An element, if it is an integer.
    pub(crate) fn integer(&self, index: usize) -> Option<i64> {
        match self {
            Self::Array(view) => view.integer(index),
            Self::List(list) => {
                list.get(index).filter(|v| v.fract() == 0.0 && v.abs() < 9e18).map(|v| *v as i64)
            }
        }
    }
}

/// Passes the dictionary in the pickle of a one-element object array to `read`: the keys that it
/// has, and a function that finds the column under a key. Other entries, of any kind, are
/// ignored.
///
/// # Errors
/// Fails if the pickle is damaged, contains more than data, or holds no dictionary; and as `read`.
pub(crate) fn with_dict<T, E: From<PickleError>>(
    bytes: &[u8],
    read: impl FnOnce(Dict<'_, '_>) -> Result<T, E>,
) -> Result<T, E> {
    let pickle = load(bytes)?;
    let mut id = pickle.root();
    // Unwrap the array, and lists around its only element.
    for _ in 0..8 {
        id = match pickle.node(id) {
            Node::Dict(_) => break,
            Node::List(_) | Node::Tuple(_) => match pickle.parts(id) {
                [only] => *only,
                _ => return Err(PickleError::NoDictionary.into()),
            },
            // Such as an OrderedDict.
            Node::Call { items, .. } if !items.is_empty() => break,
            _ => objects(&pickle, id).ok_or(PickleError::NoDictionary)?,
        };
    }
    read(Dict { pickle: &pickle, id })
}

/// A dictionary in a pickle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dict<'p, 'a> {
    pickle: &'p Pickle<'a>,
    id: Id,
}

impl<'a> Dict<'_, 'a> {
    /// The keys that are text.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &'a str> {
        self.pickle.entries(self.id).iter().filter_map(|(key, _)| self.pickle.text(*key))
    }

    /// The column under a key; `None` if there is no such key, or its value holds no numbers.
    pub(crate) fn column(&self, key: &str) -> Option<Column<'a>> {
        column(self.pickle, self.pickle.get(self.id, key)?)
    }
}

/// The pickled state of an array: version, shape, type, order, contents.
fn state<'p>(pickle: &'p Pickle<'_>, id: Id) -> Option<&'p [Id]> {
    let (_, name, _, state) = pickle.call(id)?;
    (name == "_reconstruct").then(|| pickle.parts(state.unwrap_or(Id::MAX)))
}

/// The list of objects in an object array.
fn objects(pickle: &Pickle<'_>, id: Id) -> Option<Id> {
    match state(pickle, id)? {
        [_, _, _, _, list] => Some(*list),
        _ => None,
    }
}

/// A numeric array, pickled as an array, a scalar, or a Python list of either.
fn column<'a>(pickle: &Pickle<'a>, id: Id) -> Option<Column<'a>> {
    if let Some(view) = array(pickle, id) {
        return Some(Column::Array(view));
    }
    // The elements of an array of objects are a list.
    let listed = objects(pickle, id).filter(|list| matches!(pickle.node(*list), Node::List(_)));
    let id = listed.unwrap_or(id);
    if !matches!(pickle.node(id), Node::List(_) | Node::Tuple(_)) {
        return None;
    }
    let value = |p: &Id| match pickle.node(*p) {
        Node::Int(i) => Some(*i as f64),
        Node::Float(f) => Some(*f),
        Node::Bool(b) => Some(f64::from(u8::from(*b))),
        _ => array(pickle, *p).filter(|view| view.count() == 1).map(|view| view.float(0)),
    };
    pickle.parts(id).iter().map(value).collect::<Option<Vec<f64>>>().map(Column::List)
}

fn array<'a>(pickle: &Pickle<'a>, id: Id) -> Option<View<'a>> {
    if let Some([_, shape, dtype, fortran, contents]) = state(pickle, id) {
        let fortran = *pickle.node(*fortran) == Node::Bool(true);
        return numbers(pickle, *shape, *dtype, fortran, *contents);
    }
    let (_, name, args, _) = pickle.call(id)?;
    match (name, args) {
        ("_frombuffer", [contents, dtype, shape, order]) => {
            let fortran = matches!(pickle.node(*order), Node::Str("F"));
            numbers(pickle, *shape, *dtype, fortran, *contents)
        }
        ("scalar", [dtype, contents]) => {
            View::new(&descr(pickle, *dtype)?, false, Vec::new(), bytes(pickle, *contents)?).ok()
        }
        _ => None,
    }
}

fn numbers<'a>(
    pickle: &Pickle<'a>,
    shape: Id,
    dtype: Id,
    fortran: bool,
    contents: Id,
) -> Option<View<'a>> {
    let shape = match pickle.node(shape) {
        Node::Int(_) => vec![pickle.index(shape)?],
        // No array of numpy has more axes.
        _ if pickle.parts(shape).len() > MAX_NESTING => return None,
        _ => pickle.parts(shape).iter().map(|p| pickle.index(*p)).collect::<Option<Vec<_>>>()?,
    };
    View::new(&descr(pickle, dtype)?, fortran, shape, bytes(pickle, contents)?).ok()
}

/// The dtype string with its byte order, such as `<i8`, and the unit of times, such as `<m8[us]`.
fn descr(pickle: &Pickle<'_>, id: Id) -> Option<String> {
    let (_, name, args, state) = pickle.call(id)?;
    let kind = pickle.text(*args.first()?)?;
    let state = state.map_or(&[][..], |s| pickle.parts(s));
    let order = state.get(1).and_then(|o| pickle.text(*o)).unwrap_or("<");
    // The last part of a time's state: a dictionary, and the unit with its multiple.
    let unit = state.get(8).and_then(|metadata| {
        let [_, unit] = pickle.parts(*metadata) else { return None };
        let [unit, multiple, ..] = pickle.parts(*unit) else { return None };
        (pickle.index(*multiple) == Some(1)).then(|| pickle.text(*unit)).flatten()
    });
    let unit = unit.map_or(String::new(), |unit| format!("[{unit}]"));
    (name == "dtype").then(|| format!("{order}{kind}{unit}"))
}

/// Bytes, also in the form of protocol 2: Latin-1 text to be encoded.
fn bytes<'a>(pickle: &Pickle<'a>, id: Id) -> Option<Cow<'a, [u8]>> {
    if let Node::Bytes(b) = *pickle.node(id) {
        return Some(Cow::Borrowed(b));
    }
    let (_, name, args, _) = pickle.call(id)?;
    let Node::Str(text) = pickle.node(*args.first()?) else { return None };
    let latin = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect::<Option<Vec<u8>>>();
    if name == "encode" { latin.map(Cow::Owned) } else { None }
}

/// An array of a dictionary: name, dtype such as `<i8`, length, and a function that appends its
/// bytes.
pub(crate) type ArrayEntry<'a> = (&'a str, &'a str, usize, &'a dyn Fn(&mut Vec<u8>));

/// Appends the pickle (protocol 3, read by every numpy since 1.7 and Python since 3.0) of a 0-d
/// object array with a dictionary of one-dimensional arrays.
pub(crate) fn write_dict(out: &mut Vec<u8>, columns: &[ArrayEntry<'_>]) {
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
        let length = out.len().saturating_sub(length_at).saturating_sub(4) as u32;
        if let Some(field) = out.get_mut(length_at..).and_then(|rest| rest.first_chunk_mut()) {
            *field = length.to_le_bytes();
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

/// Writes numpy's data type for a description such as `<i8`, as numpy pickles it.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_of_objects_are_columns() {
        // {'p': numpy.array([True, False], dtype=object)} in protocol 2.
        let pickle = b"\x80\x02}U\x01pcnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n\
            K\x00\x85U\x01b\x87R(K\x01K\x02\x85cnumpy\ndtype\nU\x02O8K\x00K\x01\x87R\
            (K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x3ftb\x89]\x88a\x89atbs.";
        let found = with_dict::<_, PickleError>(pickle, |dict| {
            let column = dict.column("p").unwrap();
            Ok([column.integer(0), column.integer(1), column.integer(2)])
        });
        assert_eq!(found.unwrap(), [Some(1), Some(0), None]);
    }

    #[test]
    fn other_objects_are_not_called_damaged() {
        // None, a number, and a list of two.
        for pickle in [&b"\x80\x02N."[..], b"\x80\x02K\x07.", b"\x80\x02](K\x01K\x02e."] {
            let found = with_dict::<(), PickleError>(pickle, |_| Ok(()));
            assert_eq!(found, Err(PickleError::NoDictionary));
        }
    }

    #[test]
    fn dictionaries_of_python_2_have_keys_of_bytes() {
        // {'x': [1, 300], 'when': datetime.date(...)} in protocol 2.
        let pickle = b"\x80\x02}(U\x01x](K\x01M\x2c\x01eU\x04whencdatetime\ndate\nU\x01d\x85Ru.";
        let found = with_dict::<_, PickleError>(pickle, |dict| {
            let keys: Vec<String> = dict.keys().map(str::to_owned).collect();
            let column = dict.column("x").unwrap();
            Ok((keys, column.len(), column.integer(1), dict.column("when").is_none()))
        });
        let expected = (vec!["x".to_owned(), "when".to_owned()], 2, Some(300), true);
        assert_eq!(found.unwrap(), expected);
    }
}
