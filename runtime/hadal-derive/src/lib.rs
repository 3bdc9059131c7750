//! `#[derive(Module)]`: how a struct of layers becomes a module itself.
//!
//! The derive visits every field in declaration order, by `hadal::nn::Module` of the field's type. Numbers, texts and the like are modules
//! without members, so that sizes and switches may stand among layers. A field of another type does not compile until it says
//! `#[module(skip)]`: weights are never left out by accident.
//!
//! ```text
//! #[derive(Module)]
//! struct Mlp {
//!     hidden: Linear,
//!     output: Linear,
//!     #[module(skip)]
//!     labels: HashMap<u32, String>,
//! }
//! ```
//!
//! Of an enum, the fields of the variant at hand are visited.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::{format_ident, quote};
use syn::{Data, DeriveInput, Field, Fields, GenericParam, parse_macro_input, parse_quote};

/// Implements `hadal::nn::Module` by visiting each field that does not say `#[module(skip)]`.
#[proc_macro_derive(Module, attributes(module))]
pub fn derive_module(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(input).unwrap_or_else(syn::Error::into_compile_error).into()
}

fn expand(mut input: DeriveInput) -> syn::Result<Tokens> {
    for parameter in &mut input.generics.params {
        if let GenericParam::Type(parameter) = parameter {
            parameter.bounds.push(parse_quote!(::hadal::nn::Module));
        }
    }
    let name = &input.ident;
    let body = match &input.data {
        Data::Struct(data) => {
            let arm = visits(quote!(#name), &data.fields)?;
            quote!(match self { #arm })
        }
        Data::Enum(data) if data.variants.is_empty() => quote!(match *self {}),
        Data::Enum(data) => {
            let mut arms = Vec::new();
            for variant in &data.variants {
                let case = &variant.ident;
                arms.push(visits(quote!(#name::#case), &variant.fields)?);
            }
            quote!(match self { #(#arms)* })
        }
        Data::Union(_) => {
            return Err(syn::Error::new_spanned(name, "a union cannot be a module: use a struct or an enum"));
        }
    };
    let (implementing, of, bounds) = input.generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #implementing ::hadal::nn::Module for #name #of #bounds {
            fn members<'module>(&'module self, visit: &mut dyn ::core::ops::FnMut(::hadal::nn::Member<'module>)) {
                let _ = &visit;
                #body
            }
        }
    })
}

/// The arm of a `match` that visits the fields of one shape of the value.
fn visits(path: Tokens, fields: &Fields) -> syn::Result<Tokens> {
    let mut bindings = Vec::new();
    let mut visits = Vec::new();
    for (i, field) in fields.iter().enumerate() {
        let place = match &field.ident {
            Some(ident) => quote!(#ident),
            None => {
                let index = syn::Index::from(i);
                quote!(#index)
            }
        };
        if skipped(field)? {
            continue;
        }
        let binding = format_ident!("field{i}");
        let ty = &field.ty;
        bindings.push(quote!(#place: #binding,));
        visits.push(quote!(<#ty as ::hadal::nn::Module>::members(#binding, visit);));
    }
    Ok(quote!(#path { #(#bindings)* .. } => { #(#visits)* }))
}

/// Whether a field says `#[module(skip)]`. Errors: any other word.
fn skipped(field: &Field) -> syn::Result<bool> {
    let mut skip = false;
    for attribute in field.attrs.iter().filter(|a| a.path().is_ident("module")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("skip") {
                return Err(meta.error("the only word here is `skip`"));
            }
            skip = true;
            Ok(())
        })?;
    }
    Ok(skip)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> syn::Result<String> {
        expand(syn::parse_str(text)?).map(|tokens| tokens.to_string())
    }

    #[test]
    fn fields_are_visited_in_order_but_for_those_that_say_skip() {
        let text =
            expanded("struct S<T, const N: usize> { a: T, #[module(skip)] b: Box<u8>, c: [Linear; N] }")
                .unwrap();
        assert!(text.contains("T : :: hadal :: nn :: Module"), "{text}");
        let (a, c) = (text.find("< T as").unwrap(), text.find("< [Linear ; N] as").unwrap());
        assert!(a < c && !text.contains("Box < u8 > as"), "{text}");
    }

    #[test]
    fn variants_are_matched() {
        let text = expanded("enum E { A(Linear), B { scale: Parameter }, C }").unwrap();
        assert!(["E :: A", "E :: B", "E :: C"].iter().all(|arm| text.contains(arm)), "{text}");
    }

    #[test]
    fn what_cannot_be_a_module_is_said() {
        let error = |text: &str| expanded(text).unwrap_err().to_string();
        assert!(error("union U { a: u8 }").contains("use a struct or an enum"));
        assert!(error("struct S { #[module(skipped)] a: u8 }").contains("the only word here is `skip`"));
    }
}
