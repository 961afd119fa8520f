//! Git's pack deltas: an object told as copies from another and new bytes.
//!
//! Source: gitformat-pack(5), "Deltified representation".

/// Builds the object that `delta` makes from `base`; None if it does not fit together.
pub(super) fn apply(base: &[u8], delta: &[u8], largest: usize) -> Option<Vec<u8>> {
    let mut delta = delta;
    if size(&mut delta)? != base.len() {
        return None;
    }
    let length = size(&mut delta)?;
    if length > largest {
        return None;
    }
    let mut out = Vec::with_capacity(length);
    while let Some((&command, rest)) = delta.split_first() {
        delta = rest;
        if command & 0x80 != 0 {
            let from = part(command, 4, &mut delta)?;
            let count = match part(command >> 4, 3, &mut delta)? {
                0 => 0x10000,
                count => count,
            };
            out.extend_from_slice(base.get(from..from.checked_add(count)?)?);
        } else if command != 0 {
            let (new, rest) = delta.split_at_checked(usize::from(command))?;
            out.extend_from_slice(new);
            delta = rest;
        } else {
            return None;
        }
        if out.len() > length {
            return None;
        }
    }
    (out.len() == length).then_some(out)
}

/// A little-endian number of which only the bytes flagged in `present` are there.
fn part(present: u8, bytes: u32, delta: &mut &[u8]) -> Option<usize> {
    let mut value = 0;
    for index in 0..bytes {
        if present >> index & 1 != 0 {
            let (&byte, rest) = delta.split_first()?;
            value |= usize::from(byte) << (8 * index);
            *delta = rest;
        }
    }
    Some(value)
}

/// Seven bits a byte, the lowest first.
fn size(delta: &mut &[u8]) -> Option<usize> {
    let mut value = 0usize;
    for shift in (0..usize::BITS).step_by(7) {
        let (&byte, rest) = delta.split_first()?;
        *delta = rest;
        value |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::apply;

    #[test]
    fn copies_and_new_bytes_make_the_object() {
        // 11 bytes become 9: copy 5 from 6 ("world"), then insert "!", then copy 3 from 0 ("hel").
        let delta = [11, 9, 0x80 | 0x01 | 0x10, 6, 5, 1, b'!', 0x80 | 0x10, 3];
        assert_eq!(apply(b"hello world", &delta, 100).as_deref(), Some(&b"world!hel"[..]));
        assert_eq!(apply(b"hello world", &delta, 8), None);
    }

    #[test]
    fn a_copy_without_a_size_is_64_kib() {
        let base = vec![b'x'; 0x10000];
        let delta = [0x80, 0x80, 0x04, 0x80, 0x80, 0x04, 0x80];
        assert_eq!(apply(&base, &delta, 1 << 20).map(|out| out.len()), Some(0x10000));
    }

    #[test]
    fn damage_is_noticed() {
        for delta in [
            &[][..],
            &[11],
            &[10, 0],
            &[11, 1, 0],
            &[11, 5, 0x91, 9, 5],
            &[11, 3, 4, b'a'],
            &[11, 1, 2, b'a', b'b'],
            &[11, 2, 1, b'a'],
            &[0xff; 12],
        ] {
            assert_eq!(apply(b"hello world", delta, 100), None, "{delta:?}");
        }
    }
}
