//! Numbers from HDF5 files, of any stored type.

use super::error::ImportError;
use crate::formats::input;
use crate::formats::limits::MAX_IMAGE_PIXELS;
use crate::panics::caught;
use hdf5_reader::error::Error;
use hdf5_reader::{
    ByteOrder, Dataset, Datatype, H5Type, Hdf5File, OpenOptions, SliceInfo, SliceInfoElem,
};
use std::path::{Path, PathBuf};

/// Largest array that is read at once, in bytes in the file: the times of 2^26 events.
const MAX_READ: usize = 1 << 29;
/// Largest picture, in samples: 4096x4096 in colour.
const MAX_SAMPLES: u64 = 3 * MAX_IMAGE_PIXELS as u64;

/// A number of any stored type, in double precision.
#[derive(Clone, Copy, Debug)]
struct Real(f64);

impl H5Type for Real {
    fn hdf5_type() -> Datatype {
        f64::hdf5_type()
    }

    fn from_bytes(bytes: &[u8], dtype: &Datatype) -> Result<Self, Error> {
        let (size, order) = match dtype {
            Datatype::FixedPoint { size, byte_order, .. }
            | Datatype::FloatingPoint { size, byte_order } => (*size as usize, *byte_order),
            Datatype::Enum { base, .. } => return Self::from_bytes(bytes, base),
            other => {
                let (expected, actual) = ("a number".into(), format!("{other:?}"));
                return Err(Error::TypeMismatch { expected, actual });
            }
        };
        let mut wide = [0; 8];
        let short = || Error::InvalidData(format!("a number of {size} bytes"));
        let slot = wide.get_mut(..size).ok_or_else(short)?;
        slot.copy_from_slice(bytes.get(..size).ok_or_else(short)?);
        if order == ByteOrder::BigEndian {
            slot.reverse();
        }
        let [a, b, c, d, ..] = wide;
        let whole = u64::from_le_bytes(wide);
        let value = match dtype {
            Datatype::FloatingPoint { .. } if size == 8 => f64::from_bits(whole),
            Datatype::FloatingPoint { .. } if size == 4 => f32::from_le_bytes([a, b, c, d]).into(),
            Datatype::FloatingPoint { .. } if size == 2 => half::f16::from_le_bytes([a, b]).into(),
            Datatype::FloatingPoint { .. } => return Err(short()),
            Datatype::FixedPoint { signed: true, .. } => {
                let unused = 64 - 8 * size.clamp(1, 8);
                ((whole << unused) as i64 >> unused) as f64
            }
            _ => whole as f64,
        };
        Ok(Self(value))
    }

    fn element_size(dtype: &Datatype) -> usize {
        hdf5_reader::dtype_element_size(dtype).unwrap_or(8)
    }
}

/// An open file. External files that it names are not opened.
pub(super) struct File {
    path: PathBuf,
    file: Hdf5File,
}

/// An array in a file.
pub(super) struct Values {
    pub(super) shape: Vec<usize>,
    pub(super) data: Vec<f64>,
}

/// The length of a file as its superblock states it; `None` if it does not, or in addresses of other
/// than eight bytes.
fn stated_length(head: &[u8]) -> Option<u64> {
    let byte = |at: usize| head.get(at).copied();
    let (size_at, end_at) = match byte(8)? {
        0 => (13, 40),
        1 => (13, 44),
        2 | 3 => (9, 28),
        _ => return None,
    };
    let end = head.get(end_at..end_at + 8)?.try_into().ok()?;
    (byte(size_at)? == 8).then_some(u64::from_le_bytes(end))
}

/// Calls the library, and turns its panics on damaged files into errors.
fn without_panic<T>(call: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    caught(call).unwrap_or_else(|_| Err(Error::InvalidData("the file is damaged".into())))
}

/// What to do about an error of the library, if it is known.
fn fix(why: &str) -> &'static str {
    if why.contains("filter id 32000") {
        // h5py's own filter, which the tools of HDF5 do not have.
        return "; it is packed with lzf: copy its arrays with h5py, with compression=\"gzip\"";
    }
    match why.contains("unsupported filter") {
        true => "; repack the file: h5repack -f GZIP=4 FILE NEW",
        false => "",
    }
}

impl File {
    pub(super) fn open(path: &Path) -> Result<Self, ImportError> {
        // The library opens it by its path, also what is not a file.
        let io = |cause| ImportError::io(path, cause);
        let length = input::open(path).and_then(|file| file.metadata()).map_err(io)?.len();
        let head = input::head(path, 64).map_err(io)?;
        if let Some(end) = stated_length(&head).filter(|end| *end > length) {
            let why = format!("the file is cut off: it has {length} of {end} bytes: copy it again");
            return Err(ImportError::content(path, why));
        }
        let options = OpenOptions::default().with_max_read_bytes(MAX_READ);
        let file = without_panic(|| Hdf5File::open_with_options(path, options));
        let file =
            file.map_err(|e| ImportError::content(path, format!("not readable HDF5: {e}")))?;
        Ok(Self { path: path.to_owned(), file })
    }

    fn bad(&self, name: &str, e: impl std::fmt::Display) -> ImportError {
        let why = e.to_string();
        let fix = fix(&why);
        ImportError::content(&self.path, format!("{name}: {why}{fix}"))
    }

    /// The names of the arrays in a group, sorted; empty if there is no such group.
    pub(super) fn names(&self, group: &str) -> Vec<String> {
        let members = without_panic(|| self.file.group(group)?.member_names());
        let mut names = members.map(|(_, datasets)| datasets).unwrap_or_default();
        names.sort();
        names
    }

    fn dataset(&self, name: &str) -> Result<Dataset, ImportError> {
        without_panic(|| self.file.dataset(name)).map_err(|e| self.bad(name, e))
    }

    /// Number of elements along the first axis of an array.
    pub(super) fn length(&self, name: &str) -> Result<usize, ImportError> {
        let length = self.dataset(name)?.shape().first().copied().unwrap_or(0);
        usize::try_from(length).map_err(|e| self.bad(name, e))
    }

    /// Elements `from..until` of a list.
    pub(super) fn slice(
        &self,
        name: &str,
        from: usize,
        until: usize,
    ) -> Result<Vec<f64>, ImportError> {
        let dataset = self.dataset(name)?;
        if from >= until {
            return Ok(Vec::new());
        }
        // Lists are stored as columns too.
        let mut selection = SliceInfo::all(dataset.ndim());
        let rows = SliceInfoElem::Slice { start: from as u64, end: until as u64, step: 1 };
        match selection.selections.first_mut() {
            Some(first) => *first = rows,
            None => return Err(self.bad(name, "a single number instead of a list")),
        }
        let array = without_panic(|| dataset.read_slice::<Real>(&selection));
        let array = array.map_err(|e| self.bad(name, e))?;
        if array.len() != until - from {
            return Err(self.bad(name, "more than one number per event"));
        }
        Ok(array.iter().map(|v| v.0).collect())
    }

    /// A whole picture.
    pub(super) fn array(&self, name: &str) -> Result<Values, ImportError> {
        let dataset = self.dataset(name)?;
        let samples = without_panic(|| dataset.num_elements()).map_err(|e| self.bad(name, e))?;
        if samples > MAX_SAMPLES {
            return Err(self.bad(name, format!("{samples} samples, more than any picture has")));
        }
        let array =
            without_panic(|| dataset.read_array::<Real>()).map_err(|e| self.bad(name, e))?;
        Ok(Values { shape: array.shape().to_vec(), data: array.iter().map(|v| v.0).collect() })
    }

    /// A number that an array has as an attribute; `None` if there is none of this name.
    pub(super) fn attribute(
        &self,
        name: &str,
        attribute: &str,
    ) -> Result<Option<f64>, ImportError> {
        let dataset = self.dataset(name)?;
        let value = without_panic(|| {
            let found = dataset.attributes().into_iter().find(|a| a.name == attribute);
            let Some(found) = found else { return Ok(None) };
            if let Ok(value) = found.read_as_f64() {
                return Ok(Some(value));
            }
            let list = found.read_1d::<Real>()?;
            list.first().map(|v| Some(v.0)).ok_or(Error::InvalidData("empty".into()))
        });
        value.map_err(|e| self.bad(&format!("{name}.{attribute}"), e))
    }

    /// Numbers that the file itself has as an attribute.
    pub(super) fn file_attribute(&self, attribute: &str) -> Option<Vec<f64>> {
        let read = || self.file.root_group()?.attribute(attribute)?.read_1d::<Real>();
        Some(without_panic(read).ok()?.into_iter().map(|v| v.0).collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "a test may fail by panicking"
    )]

    use super::*;

    #[test]
    fn files_that_are_cut_off_are_named() {
        let mut head = vec![0; 64];
        head.splice(..9, *b"\x89HDF\r\n\x1a\n\x00");
        (head[13], head[40]) = (8, 200);
        assert_eq!(stated_length(&head), Some(200));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.h5");
        std::fs::write(&path, &head).unwrap();
        let error = File::open(&path).err().unwrap().to_string();
        assert!(error.contains("cut off: it has 64 of 200 bytes"), "{error}");
        (head[8], head[9], head[28]) = (3, 8, 90);
        assert_eq!(stated_length(&head), Some(90));
        assert_eq!(stated_length(&head[..20]), None);
    }

    #[test]
    fn filters_that_are_not_read_name_the_way() {
        assert!(fix("unsupported filter: filter id 32000").contains("compression=\"gzip\""));
        assert!(fix("unsupported filter: filter id 32001").contains("h5repack -f GZIP=4"));
        assert_eq!(fix("the file is damaged"), "");
    }

    #[test]
    fn a_panic_of_the_library_is_an_error() {
        let error =
            without_panic(|| -> Result<(), Error> { panic!("attempt to multiply with overflow") });
        assert!(error.unwrap_err().to_string().contains("the file is damaged"));
    }

    #[test]
    fn numbers_of_every_type_keep_their_value() {
        let fixed = |size, signed, byte_order| Datatype::FixedPoint { size, signed, byte_order };
        let read = |bytes: &[u8], dtype: &Datatype| Real::from_bytes(bytes, dtype).unwrap().0;
        assert_eq!(read(&[0xfe], &fixed(1, true, ByteOrder::LittleEndian)), -2.0);
        assert_eq!(read(&[0xfe], &fixed(1, false, ByteOrder::LittleEndian)), 254.0);
        assert_eq!(read(&[0x01, 0x02], &fixed(2, true, ByteOrder::BigEndian)), 258.0);
        let eight = fixed(8, true, ByteOrder::LittleEndian);
        assert_eq!(read(&(-7_i64).to_le_bytes(), &eight), -7.0);
        let float = |size| Datatype::FloatingPoint { size, byte_order: ByteOrder::BigEndian };
        assert_eq!(read(&0.5_f64.to_be_bytes(), &float(8)), 0.5);
        assert_eq!(read(&0.25_f32.to_be_bytes(), &float(4)), 0.25);
        assert!(Real::from_bytes(&[1], &eight).is_err());
    }
}
