; A photo and its cut-out by nukki as one layer with a layer mask, in GIMP's own format: paint on the mask there,
; white brings the photo back, black takes away. Written for GIMP 2.10; gimp.md says how to call it.
;
; The mask is made from the cut-out's transparency by way of a selection. A grey picture pasted into a mask
; would be taken for sRGB and become linear: 128 would be 55, and every soft edge too thin.

(define (nukki-layer-mask photo cutout file)
  (let* ((image (car (gimp-file-load RUN-NONINTERACTIVE photo photo)))
         (layer (car (gimp-image-get-active-layer image)))
         (cut (car (gimp-file-load-layer RUN-NONINTERACTIVE image cutout))))
    (gimp-image-insert-layer image cut 0 -1)
    (gimp-image-select-item image CHANNEL-OP-REPLACE cut)
    (gimp-layer-add-alpha layer)
    (gimp-layer-add-mask layer (car (gimp-layer-create-mask layer ADD-MASK-SELECTION)))
    (gimp-selection-none image)
    (gimp-image-remove-layer image cut)
    (gimp-item-set-name layer "cut out")
    (gimp-xcf-save RUN-NONINTERACTIVE image layer file file)
    (gimp-image-delete image)))

; What GIMP makes of a file with its layers and masks, as a PNG: to see that it has understood it.

(define (nukki-flat file png)
  (let* ((image (car (gimp-file-load RUN-NONINTERACTIVE file file)))
         (layer (car (gimp-image-merge-visible-layers image CLIP-TO-IMAGE))))
    (file-png-save RUN-NONINTERACTIVE image layer png png 0 6 0 0 0 1 0)
    (gimp-image-delete image)))
