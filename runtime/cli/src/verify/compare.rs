//! How far a tensor is from the reference, and how far it may be.

use hadal::graph::{DType, HostTensor};

/// How a tensor differs from the reference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Difference {
    /// Largest difference of two elements; infinite where one is not finite and the other is, or has another sign.
    pub(crate) absolute: f64,
    /// The same, measured by the largest finite magnitude in the reference (at least 1).
    pub(crate) relative: f64,
    /// Linear index of the largest difference.
    pub(crate) element: usize,
    /// Whether it is within what the dtype allows.
    pub(crate) agrees: bool,
}

/// What rounding may cost, relative to the largest magnitude: a deep model sums thousands of products in another order.
/// Integers and booleans are exact.
pub(crate) fn tolerance(dtype: DType) -> f64 {
    match dtype {
        DType::F64 => 1e-9,
        DType::F32 => 1e-4,
        DType::F16 => 1e-2,
        DType::BF16 => 5e-2,
        _ => 0.0,
    }
}

/// Compares element by element. Tensors of different types or shapes never agree.
pub(crate) fn compare(actual: &HostTensor, expected: &HostTensor) -> Difference {
    if (actual.dtype(), actual.shape()) != (expected.dtype(), expected.shape()) {
        return Difference { absolute: f64::INFINITY, relative: f64::INFINITY, element: 0, agrees: false };
    }
    let mut largest: f64 = 0.0;
    let mut element = 0;
    let mut magnitude: f64 = 1.0;
    for (index, (a, e)) in actual.scalars().zip(expected.scalars()).enumerate() {
        // As integers first: two large ones may be equal as floats and yet differ.
        let difference = match expected.dtype().is_float() {
            true => distance(a.to_f64(), e.to_f64()),
            false => a.to_i128().abs_diff(e.to_i128()) as f64,
        };
        if e.to_f64().is_finite() {
            magnitude = magnitude.max(e.to_f64().abs());
        }
        if difference > largest {
            (largest, element) = (difference, index);
        }
    }
    let relative = largest / magnitude;
    Difference { absolute: largest, relative, element, agrees: relative <= tolerance(expected.dtype()) }
}

fn distance(a: f64, e: f64) -> f64 {
    if a == e || (a.is_nan() && e.is_nan()) {
        0.0
    } else if a.is_finite() && e.is_finite() {
        (a - e).abs()
    } else {
        f64::INFINITY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(values: &[f32]) -> HostTensor {
        HostTensor::new([values.len()], values).unwrap()
    }

    #[test]
    fn the_largest_difference_is_found() {
        let difference = compare(&floats(&[1.0, 2.5, 100.0]), &floats(&[1.0, 2.0, 100.0]));
        assert_eq!((difference.absolute, difference.element, difference.agrees), (0.5, 1, false));
        assert!((difference.relative - 0.005).abs() < 1e-12);
        assert!(compare(&floats(&[100.001]), &floats(&[100.0])).agrees);
    }

    #[test]
    fn what_is_not_finite_must_be_the_same() {
        let nan = f32::NAN;
        let inf = f32::INFINITY;
        assert!(compare(&floats(&[nan, inf]), &floats(&[nan, inf])).agrees);
        for (a, e) in [(nan, 0.0), (0.0, nan), (inf, -inf), (inf, 1e30), (nan, inf)] {
            assert!(!compare(&floats(&[a]), &floats(&[e])).agrees, "{a} {e}");
        }
    }

    #[test]
    fn integers_are_exact_and_types_count() {
        let one = HostTensor::new([1], &[i64::MAX]).unwrap();
        let other = HostTensor::new([1], &[i64::MAX - 1]).unwrap();
        assert!(compare(&one, &one).agrees && !compare(&one, &other).agrees);
        assert!(!compare(&floats(&[1.0]), &HostTensor::new([1], &[1i32]).unwrap()).agrees);
        assert!(!compare(&floats(&[1.0]), &HostTensor::new([1, 1], &[1f32]).unwrap()).agrees);
        let empty = floats(&[]);
        assert!(compare(&empty, &empty).agrees);
    }
}
