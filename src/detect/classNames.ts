/** The 80 class names of COCO in the order of its detectors' outputs. */
export const COCO_CLASSES: readonly string[] = (
  "person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,stop sign,parking meter,bench," +
  "bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,backpack,umbrella,handbag,tie,suitcase,frisbee,skis,snowboard," +
  "sports ball,kite,baseball bat,baseball glove,skateboard,surfboard,tennis racket,bottle,wine glass,cup,fork,knife,spoon," +
  "bowl,banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,cake,chair,couch,potted plant,bed,dining table," +
  "toilet,tv,laptop,mouse,remote,keyboard,cell phone,microwave,oven,toaster,sink,refrigerator,book,clock,vase,scissors," +
  "teddy bear,hair drier,toothbrush"
).split(",");

/** Names for `count` classes: COCO's for 80, else "class 0", "class 1", ... */
export const classNames = (count: number): readonly string[] =>
  count === COCO_CLASSES.length ? COCO_CLASSES : Array.from({ length: count }, (_, i) => `class ${i}`);
