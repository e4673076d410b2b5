"""The nodes of the original FSampler (obisin/ComfyUI-FSampler 1.5.0), for graphs saved with it, on our engine.

Inputs keep its names, order, defaults and ranges. From the first that some published version lacked they are optional,
so that graphs of those versions run too.
"""

import dataclasses

from comfy_extras.nodes_custom_sampler import SamplerCustom

from .mode import category
from .original_inputs import widgets
from .original_sampler import OriginalSampler, Skipping, bare_sampler
from .reports import Reports
from .schedules import sigmas_of


class _Original:
    CATEGORY = category()
    DEPRECATED = True


class _OriginalKSampler(_Original):
    FUNCTION = "sample"

    def run(self, sampler, skipping, sigmas, verbose, *, model, latent_image, seed, cfg, positive, negative):
        """The LATENT, and the report as JSON ("" where nothing was run)."""
        if len(sigmas) < 2:
            return latent_image, ""
        reports = Reports()
        sampler = OriginalSampler(sampler, skipping, reports, verbose)
        latent = SamplerCustom().sample(model, True, seed, cfg, positive, negative, sampler, sigmas, latent_image)[0]
        return latent, reports.runs[-1].to_json() if reports.runs else ""  # a MODEL that skips has the report itself


class OriginalFSampler(_OriginalKSampler):
    DESCRIPTION = "FSampler of the original pack, for old graphs. New ones: KSampler (FSampler)."
    RETURN_TYPES = ("LATENT",)
    FIXED = Skipping(
        adaptive_mode="learning",
        smoothing_beta=0.9999,
        protect_last_steps=3,
        sigma_aware=True,
        extrapolate_denoised=True,
    )

    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": widgets("model positive negative latent_image seed steps cfg scheduler sampler skip_mode"),
            "optional": widgets("add_noise denoise verbose", add_noise={"step": 0.05}, denoise={"step": 0.01}),
        }

    def sample(
        self,
        model,
        positive,
        negative,
        latent_image,
        seed,
        steps,
        cfg,
        scheduler,
        sampler,
        skip_mode,
        add_noise=0.0,
        denoise=1.0,
        verbose=False,
        **_unknown,
    ):
        return self.run(
            bare_sampler(sampler, add_noise, "gaussian", official=True),
            dataclasses.replace(self.FIXED, skip_mode=skip_mode),
            sigmas_of(model, scheduler, steps, denoise, official=False),
            verbose,
            model=model,
            latent_image=latent_image,
            seed=seed,
            cfg=cfg,
            positive=positive,
            negative=negative,
        )[:1]


class OriginalFSamplerAdvanced(_OriginalKSampler):
    DESCRIPTION = (
        "FSampler Advanced of the original pack, for old graphs. New ones: KSampler (FSampler) with FSampler Settings."
    )
    RETURN_TYPES = ("LATENT", "STRING")
    RETURN_NAMES = ("samples", "metadata")
    OUTPUT_TOOLTIPS = ("The denoised latent.", "What the run did, as JSON; empty when nothing was run.")

    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": widgets(
                "model positive negative latent_image seed steps cfg scheduler sampler protect_first_steps "
                "protect_last_steps adaptive_mode smoothing_beta skip_mode"
            ),
            "optional": widgets(
                "skip_indices anchor_interval max_consecutive_skips start_at_step end_at_step add_noise noise_type "
                "denoise verbose no_grad official_comfy sigma_aware extrapolate_denoised"
            ),
        }

    def sample(
        self,
        model,
        positive,
        negative,
        latent_image,
        seed,
        steps,
        cfg,
        scheduler,
        sampler,
        start_at_step=-1,
        end_at_step=-1,
        add_noise=0.0,
        noise_type="whitened",
        denoise=1.0,
        verbose=False,
        official_comfy=True,
        **inputs,
    ):
        return self.run(
            bare_sampler(sampler, add_noise, noise_type, official_comfy),
            Skipping.of(inputs),
            sliced(sigmas_of(model, scheduler, steps, denoise, official_comfy), start_at_step, end_at_step),
            verbose,
            model=model,
            latent_image=latent_image,
            seed=seed,
            cfg=cfg,
            positive=positive,
            negative=negative,
        )


def sliced(sigmas, start, end):
    """From sigma ``start`` to sigma ``end``, which becomes 0; a negative one leaves its end alone. The indices count
    in what denoise left, and ``start`` in what ``end`` left."""
    if 0 <= end < len(sigmas) - 1:
        sigmas = sigmas[: end + 1].clone()
        sigmas[-1] = 0
    return sigmas[max(start, 0) :]


class OriginalFSamplerSelect(_Original):
    DESCRIPTION = (
        "FSampler Select of the original pack, for old graphs. New ones: FSampler Solver or FSampler Sampler, and a "
        "scheduler node."
    )
    FUNCTION = "get_sampler"
    RETURN_TYPES = ("SAMPLER", "SIGMAS")
    RETURN_NAMES = ("sampler", "sigmas")

    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": widgets(
                "model steps scheduler sampler denoise skip_mode skip_indices adaptive_mode smoothing_beta "
                "protect_first_steps protect_last_steps anchor_interval max_consecutive_skips add_noise noise_type "
                "verbose no_grad official_comfy sigma_aware extrapolate_denoised",
                denoise={"step": 0.01},
            )
        }

    def get_sampler(
        self, model, steps, scheduler, sampler, denoise, add_noise, noise_type, official_comfy, verbose=False, **inputs
    ):
        bare = bare_sampler(sampler, add_noise, noise_type, official_comfy)
        sigmas = sigmas_of(model, scheduler, steps, denoise, official_comfy)
        return OriginalSampler(bare, Skipping.of(inputs), Reports(), verbose), sigmas
