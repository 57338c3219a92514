//! Recordings: any bytes give an error or a recording that can be written and read again.

#![no_main]

use gem_live::sequence::Pair;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(pair) = Pair::from_bytes(data) {
        let _ = gem_live::train::recordings::fault(&pair, None);
        let again = Pair::from_bytes(&pair.to_bytes().expect("a recording that was read"));
        assert_eq!(again.expect("a recording that was written"), pair);
    }
});
