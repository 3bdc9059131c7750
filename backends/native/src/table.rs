//! Tables of a library's functions, looked up by name at run time, and the proof that their signatures are those of somebody's bindings.
//!
//! Results are plain numbers: a library newer than any list of its errors may return one that an enumeration lacks.

use std::ffi::{CStr, c_char};

/// What a library says of a result; the number where it says nothing.
///
/// # Safety
///
/// `text` is null, or ends with a zero and is not freed meanwhile.
pub unsafe fn text_of(text: *const c_char, status: u32) -> String {
    match text.is_null() {
        true => format!("error {status}"),
        // SAFETY: as the caller says.
        false => unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned(),
    }
}

/// Declares a table: a structure of function pointers, and `load`, which finds them in a library. Both take `libloading` from the crate that uses it.
#[macro_export]
macro_rules! functions {
    ($(#[$about:meta])* $table:ident { $($name:ident($($argument:ty),*) -> $result:ty;)* }) => {
        $(#[$about])*
        #[derive(Debug)]
        pub(crate) struct $table {
            $(pub(crate) $name: unsafe extern "C" fn($($argument),*) -> $result,)*
        }

        impl $table {
            /// Errors: the name of the first function that the library lacks.
            pub(crate) fn load(library: &libloading::Library) -> Result<$table, &'static str> {
                Ok($table {
                    $($name: {
                        // SAFETY: the signature is that of the library's manual.
                        let found = unsafe { library.get(stringify!($name).as_bytes()) };
                        *found.map_err(|_| stringify!($name))?
                    },)*
                })
            }
        }
    };
}

/// Declares, in the module that proves a table, the trait `PassesFor`: a type that is the same to C as another. Numbers pass for nothing but themselves, pointers for pointers to
/// what passes, and functions for functions of as many parameters that all pass; the module states what else does. So neither a width nor a parameter too many is let through.
#[macro_export]
macro_rules! signatures {
    () => {
        /// The same to C as `Ours`.
        trait PassesFor<Ours> {}

        impl PassesFor<i8> for i8 {}
        impl PassesFor<u8> for u8 {}
        impl PassesFor<i32> for i32 {}
        impl PassesFor<u32> for u32 {}
        impl PassesFor<u64> for u64 {}
        impl PassesFor<f32> for f32 {}
        impl PassesFor<usize> for usize {}
        impl PassesFor<std::ffi::c_void> for std::ffi::c_void {}
        impl<T: PassesFor<U>, U> PassesFor<*mut U> for *mut T {}
        impl<T: PassesFor<U>, U> PassesFor<*const U> for *const T {}

        /// Compiles where `T` passes for `U`.
        const fn proves<T: PassesFor<U> + Copy, U>(_theirs: T) {}

        $crate::signatures!(A Z);
        $crate::signatures!(A Z, B Y);
        $crate::signatures!(A Z, B Y, C X);
        $crate::signatures!(A Z, B Y, C X, D W);
        $crate::signatures!(A Z, B Y, C X, D W, E V);
        $crate::signatures!(A Z, B Y, C X, D W, E V, F U);
        $crate::signatures!(A Z, B Y, C X, D W, E V, F U, G T, H Q, I P, J O, K N);
    };
    ($($theirs:ident $ours:ident),+) => {
        impl<R: PassesFor<S>, S, $($theirs: PassesFor<$ours>, $ours),+> PassesFor<unsafe extern "C" fn($($ours),+) -> S>
            for unsafe extern "C" fn($($theirs),+) -> R
        {
        }

        // A function of Rust that does nothing but call the one of C.
        impl<R: PassesFor<S>, S, $($theirs: PassesFor<$ours>, $ours),+> PassesFor<unsafe extern "C" fn($($ours),+) -> S>
            for unsafe fn($($theirs),+) -> R
        {
        }
    };
}

/// `_`, for any type.
#[macro_export]
#[doc(hidden)]
macro_rules! any {
    ($ours:ty) => {
        _
    };
}
