//! Row-major index arithmetic.

/// Row-major strides in elements.
pub(crate) fn strides(shape: &[usize]) -> Vec<i64> {
    let mut strides = vec![1i64; shape.len()];
    for axis in (1..shape.len()).rev() {
        // Wraps only where another extent is 0, and then no stride is used.
        strides[axis - 1] = strides[axis].wrapping_mul(shape[axis] as i64);
    }
    strides
}

/// `start + Σ coordinate · stride` for every coordinate of `shape`, in row-major order. None may be negative.
pub(crate) fn offsets(shape: &[usize], strides: &[i64], start: i64) -> Offsets {
    Offsets { coordinates: Coordinates::new(shape), strides: strides.to_vec(), position: start }
}

/// See [`offsets`].
pub(crate) struct Offsets {
    coordinates: Coordinates,
    strides: Vec<i64>,
    position: i64,
}

impl Iterator for Offsets {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.coordinates.remaining == 0 {
            return None;
        }
        let result = self.position as usize;
        self.coordinates.remaining -= 1;
        for axis in (0..self.strides.len()).rev() {
            self.coordinates.current[axis] += 1;
            self.position += self.strides[axis];
            if self.coordinates.current[axis] < self.coordinates.shape[axis] {
                break;
            }
            self.position -= self.strides[axis] * self.coordinates.shape[axis] as i64;
            self.coordinates.current[axis] = 0;
        }
        Some(result)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.coordinates.remaining, Some(self.coordinates.remaining))
    }
}

/// Every coordinate of a shape, in row-major order.
pub(crate) struct Coordinates {
    shape: Vec<usize>,
    current: Vec<usize>,
    remaining: usize,
    started: bool,
}

impl Coordinates {
    pub(crate) fn new(shape: &[usize]) -> Coordinates {
        let remaining = shape.iter().product();
        Coordinates { shape: shape.to_vec(), current: vec![0; shape.len()], remaining, started: false }
    }

    /// The next coordinate, if there is one.
    pub(crate) fn next(&mut self) -> Option<&[usize]> {
        if self.remaining == 0 {
            return None;
        }
        self.remaining -= 1;
        if self.started {
            for axis in (0..self.shape.len()).rev() {
                self.current[axis] += 1;
                if self.current[axis] < self.shape[axis] {
                    break;
                }
                self.current[axis] = 0;
            }
        }
        self.started = true;
        Some(&self.current)
    }
}

/// A tensor seen as rows along some axes: element `i` of row `r` is at `outer[r] + inner[i]`.
pub(crate) struct Rows {
    /// Where each row starts, in row-major order of the axes that stay.
    pub(crate) outer: Vec<usize>,
    /// Where each element of a row lies relative to its start, in row-major order of the axes of the row.
    pub(crate) inner: Vec<usize>,
}

impl Rows {
    /// Rows along `axes`, which are increasing.
    pub(crate) fn new(shape: &[usize], axes: &[usize]) -> Rows {
        let all = strides(shape);
        let part = |of_row: bool| {
            let chosen = (0..shape.len()).filter(|axis| axes.contains(axis) == of_row);
            let (extents, strides): (Vec<usize>, Vec<i64>) = chosen.map(|a| (shape[a], all[a])).unzip();
            offsets(&extents, &strides, 0).collect()
        };
        Rows { outer: part(false), inner: part(true) }
    }

    /// The elements of the row that starts at `start`.
    pub(crate) fn row<'a, T: Copy>(&'a self, values: &'a [T], start: usize) -> impl Iterator<Item = T> + 'a {
        self.inner.iter().map(move |&i| values[start + i])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_walk_row_major() {
        assert_eq!(strides(&[2, 3, 4]), [12, 4, 1]);
        let transposed: Vec<usize> = offsets(&[3, 2], &[1, 3], 0).collect();
        assert_eq!(transposed, [0, 3, 1, 4, 2, 5]);
        let reversed: Vec<usize> = offsets(&[3], &[-1], 2).collect();
        assert_eq!(reversed, [2, 1, 0]);
        assert_eq!(offsets(&[], &[], 7).collect::<Vec<_>>(), [7]);
        assert_eq!(offsets(&[2, 0], &[0, 1], 0).count(), 0);
    }

    #[test]
    fn rows_along_a_middle_axis() {
        let rows = Rows::new(&[2, 3, 2], &[1]);
        assert_eq!(rows.outer, [0, 1, 6, 7]);
        assert_eq!(rows.inner, [0, 2, 4]);
        let mut coordinates = Coordinates::new(&[1, 2]);
        assert_eq!(coordinates.next(), Some([0, 0].as_slice()));
        assert_eq!(coordinates.next(), Some([0, 1].as_slice()));
        assert_eq!(coordinates.next(), None);
    }
}
